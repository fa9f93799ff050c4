"""Calculating with codes: sums, class transfer, attributes, axes, new images."""

import numpy as np

from latentspace.chapters.calculate import samples
from latentspace.chapters.calculate.arithmetic import Arithmetic
from latentspace.chapters.calculate.traversals import Traversals
from latentspace.chapters.captions import describe_classifier, format_model, strip_folders
from latentspace.chapters.figure import Drawing, Recipe
from latentspace.chapters.study import Study
from latentspace.drawing import grids
from latentspace.drawing.text import Text

SAMPLE_MEASURES = {  # in words, and how they are written
    "confidence": ("the reference classifier's mean confidence", ".3f"),
    "nearest_distance": ("distance to the nearest training image", ".2f"),
    "precision_codes": ("precision of the codes", ".2f"),
    "recall_codes": ("recall of the codes", ".2f"),
}
STILL_STRIDE = 4  # a still picture shows every fourth step of the moving one
STILL_SIDE = 56  # pixels of an image in it
STILL_COLUMNS, MOVING_COLUMNS = 2, 8


def draw_arithmetic(study: Study) -> Drawing:
    about = f"{study.data.title}, {format_model(study)}; images are decoded from codes."
    if study.settings.expression:
        about += f" = {strip_folders(study.settings.expression)}."
    elif study.classes_unavailable is None:
        about += (
            " A sum of codes leaves the region where codes of images lie. Moving by the difference "
            "of class means keeps more; carrying a code over from the Gaussian of its class to "
            "that of another keeps it inside. "
            + (_format_transport(study) if study.thorough else "Measured with --arithmetic.")
        )
    text = Text("Calculating with codes", about)
    sections = study.of(Arithmetic).make_sections()
    return Drawing.of_images(grids.draw_grids, text, grids=sections)


def _format_transport(study: Study) -> str:
    numbers = study.of(Arithmetic).metrics
    kinds = {"by class means": numbers["class_means"], "by transport": numbers["transport"]}
    called = [
        f"{words} {found['target_accuracy']:.3f}"
        for words, found in kinds.items()
        if np.isfinite(found.get("target_accuracy", np.nan))
    ]
    near = [f"{words} {found['nearest_distance']:.1f}" for words, found in kinds.items()]
    share = (
        "Share of test images moved to another class that the reference classifier calls that "
        f"class: {', '.join(called)}. "
    )
    return (
        f"{share if called else ''}Distance of the moved ones to the nearest training image: "
        f"{', '.join(near)}. {describe_classifier(study)}{study.of(Arithmetic).choice}"
    )


def draw_class_transfer(study: Study) -> Drawing:
    chapter = study.of(Arithmetic)
    numbers = chapter.metrics["transport"]
    kept = ", ".join(
        f"{name} {numbers[f'{name}_kept']:.2f}"
        for name in ("slant", "thickness")
        if np.isfinite(numbers.get(f"{name}_kept", np.nan))
    )
    text = Text(
        "Class transfer: another class, the same style",
        f"Left: test images of {study.data.title}. Right of each: its code, transported between "
        f"the Gaussians of the classes ({format_model(study)}). {_format_transport(study)}"
        + (f" Rank correlation before and after: {kept}." if kept else ""),
    )
    return Drawing.of_images(grids.draw_grids, text, grids=[chapter.class_transfer])


def draw_traversals(study: Study) -> Drawing:
    axes, text = study.of(Traversals).axes, _describe_traversals(study)
    found = []
    for number, (name, change, images) in enumerate(
        zip(axes.names, axes.changes, axes.images, strict=True)
    ):
        starts = axes.starts if number % STILL_COLUMNS == 0 else []
        shown, title = images[:, ::STILL_STRIDE], f"{name}: {change:.1f}"
        found.append(grids.Grid([], starts, shown, title, thumbnail=STILL_SIDE))
    return Drawing.of_images(grids.draw_grids, text, grids=found, columns=STILL_COLUMNS)


def draw_moving_traversals(study: Study) -> Drawing:
    axes, text = study.of(Traversals).axes, _describe_traversals(study)
    found = []
    for start in range(0, len(axes.names), MOVING_COLUMNS):
        part = slice(start, start + MOVING_COLUMNS)
        names = [name.split(",")[0] for name in axes.names[part]]
        found.append(grids.Grid(names, axes.starts, axes.images[part].swapaxes(0, 1)))
    return Drawing.of_images(grids.draw_grid_loop, text, moving=True, grids=found, hold_frames=1)


def _describe_traversals(study: Study) -> Text:
    chapter = study.of(Traversals)
    dead = chapter.dead_units
    alive = "No unit is dead." if chapter.deviations.any() else ""  # one image tells none
    return Text(
        "Moving along axes of latent space",
        f"{study.data.title}, {format_model(study)}. The mean code and test images, moved along "
        "each axis from the 1% to the 99% quantile of the training codes; first the axes that "
        "change the image most (number: Euclidean distance of the ends, of the mean code). "
        + (f"Dead units: {', '.join(map(str, dead))}." if dead else alive),
    )


def draw_samples(study: Study) -> Drawing:
    chapter = study.of(samples.Samples)
    numbers, count = chapter.metrics, len(study.data.class_names)
    of_classes = numbers.get("class_confidence", {})
    names = [
        f"{name} ({of_classes[name]:.2f})" if name in of_classes else name for name in chapter.shown
    ]
    about = f"{study.data.title}, {format_model(study)}. Codes are drawn from a density of the "
    about += f"training codes, a mixture of {numbers['components']} Gaussians, at temperature "
    about += f"{samples.TEMPERATURE:g},"
    if chapter.classes:
        first = f" (shown are the first {samples.SHOWN_CLASSES} of {count})"
        about += f" fitted class by class{first if count > samples.SHOWN_CLASSES else ''},"
    kinds = [numbers[kind] for kind in (samples.GAUSSIAN, samples.DENSITY, samples.REAL)]
    measured = [
        f"{words} {', '.join(f'{found[name]:{form}}' for found in kinds)}"
        for name, (words, form) in SAMPLE_MEASURES.items()
        if np.isfinite([found.get(name, np.nan) for found in kinds]).all()
    ]
    brackets = ""
    if samples.REAL in of_classes:
        brackets = (
            " In brackets the classifier's mean confidence in the class that was asked for; of "
            f"real images {of_classes[samples.REAL]:.2f}."
        )
    text = Text(
        "New images, drawn from a density of the codes",
        f"{about} beside one Gaussian. One Gaussian, the mixture, and real unseen images: "
        f"{'; '.join(measured)} (Kynkaanniemi et al. 2019).{brackets} {describe_classifier(study)}",
    )
    grid = grids.Grid([], names, np.stack(list(chapter.shown.values())))
    return Drawing.of_images(grids.draw_grids, text, grids=[grid])


RECIPES = {
    "arithmetic.png": Recipe(draw_arithmetic, (Arithmetic,)),
    "class_transfer.png": Recipe(
        draw_class_transfer, (Arithmetic,), lambda study: study.classes_unavailable
    ),
    "traversals.png": Recipe(draw_traversals, (Traversals,)),
    "traversals.gif": Recipe(draw_moving_traversals, (Traversals,)),
    "samples.png": Recipe(draw_samples, (samples.Samples,)),
}
