"""How the model learned: a film, a map that moves, a curve."""

import numpy as np

from latentspace.chapters.captions import count_hold_frames, format_model
from latentspace.chapters.figure import Drawing, Recipe
from latentspace.chapters.learn import draw
from latentspace.chapters.learn.measure import Learning
from latentspace.chapters.study import Study
from latentspace.drawing import clouds
from latentspace.drawing.points import LabelledMaps
from latentspace.drawing.text import Text

SECONDS = 8  # of a film, about


def _describe_training(study: Study) -> str:
    facts = study.run.facts
    return (
        f"{facts['dataset']['name']}, {format_model(study)}, trained for {facts['epochs']} epochs. "
        f"{len(study.of(Learning).snapshots.steps)} moments of it are shown, close together at "
        "first, then ever farther apart."
    )


def _count_frames(study: Study) -> int:
    moments = len(study.of(Learning).snapshots.steps)
    return max(1, round(SECONDS * study.settings.fps / moments))


def _format_moments(study: Study) -> list[str]:
    film = study.of(Learning).snapshots
    return [
        f"{seen:,} images seen, {epochs:.2f} epochs"
        for seen, epochs in zip(film.images_seen, film.epochs, strict=True)
    ]


def draw_training(study: Study) -> Drawing:
    learning, facts = study.of(Learning), study.run.facts
    film, history = learning.snapshots, study.run.read_history()
    learned_from = {}
    names = study.data.class_names
    if _was_for_errors(study):
        an_epoch = film.images_seen[-1] / film.epochs[-1] if film.epochs[-1] else 0
        seen = history["epoch"] * an_epoch
        learned_from = {"training images, mean of an epoch": (seen, history["loss"])}
    watched = f"{len(film.indices):,} held-back images"
    text = Text(
        "How it learned to reconstruct what it is not trained on",
        f"{_describe_training(study)} The model is trained on none of these images. The error is "
        f"that of {watched}, these among them; so is PCA's. The best epoch reaches an error of "
        f"{facts['scores']['test_mse']:.5f} on the test images.",
    )
    last, hold = len(film.steps) - 1, 2 * count_hold_frames(study.settings.fps)
    moments = zip(_format_moments(study), film.errors, strict=True)
    return Drawing.of_images(
        draw.draw_training,
        text,
        moving=True,
        originals=film.originals,
        reconstructions=film.reconstructions,
        names=[names[label] for label in learning.labels[: len(film.originals)]],
        curves={watched: (film.images_seen, film.errors), **learned_from},
        baselines={f"PCA, {study.run.latent_dim} components": learning.metrics["pca_mse"]},
        notes=[f"{moment}: mean squared error {error:.4f}" for moment, error in moments],
        order=[*np.repeat(range(last + 1), _count_frames(study)), *[last] * hold],
    )


def draw_training_map(study: Study) -> Drawing:
    learning = study.of(Learning)
    numbers = learning.metrics
    title, of_votes = "How the codes come apart while the model learns", ""
    of_pixels, of_codes = "", _format_moments(study)
    if "knn_accuracy" in numbers:
        title = "How classes come apart while the model learns"
        of_votes = f" {learning.knn} is the label accuracy in codes and pixels themselves, not in "
        of_votes += "their maps."
        of_pixels = f"{learning.knn} {numbers['pixel_knn_accuracy']:.3f}"
        of_codes = [
            f"{moment}: {learning.knn} {accuracy:.3f}"
            for moment, accuracy in zip(of_codes, numbers["knn_accuracy"], strict=True)
        ]
    text = Text(
        title,
        f"{_describe_training(study)} The model is not trained on these "
        f"{numbers['images']:,} images. t-SNE, perplexity {learning.perplexity:g}: each map starts "
        "from the one before, and points move straight from one to the next. The KL divergence of "
        "the last map is "
        f"{numbers['map_kl_divergence']:.2f}, that of a new map of the same codes "
        f"{numbers['afresh_kl_divergence']:.2f}.{of_votes}",
    )
    maps, pace = learning.maps, _count_frames(study)
    points = {
        "t-SNE of the pixels, which do not change": _interpolate_points(maps["pixel"], pace),
        "t-SNE of the codes, while the model learns": _interpolate_points(maps["latent"], pace),
    }
    shown = LabelledMaps(points, learning.labels, study.data.class_names)
    notes = [[of_pixels] * pace * len(of_codes), np.repeat(of_codes, pace).tolist()]
    hold = 2 * count_hold_frames(study.settings.fps)
    return Drawing.of_images(
        clouds.draw_forming, text, moving=True, maps=shown, notes=notes, hold_frames=hold
    )


def _interpolate_points(points: np.ndarray, pace: int) -> np.ndarray:
    """Points (T, N, 2), each moment reached in `pace` equal steps: (T * pace, N, 2)."""
    earlier = np.concatenate([points[:1], points[:-1]])
    shares = np.arange(1, pace + 1)[:, np.newaxis, np.newaxis] / pace
    moving = earlier[:, np.newaxis] + shares * (points - earlier)[:, np.newaxis]
    return moving.reshape(-1, *points.shape[1:])


def _was_for_errors(study: Study) -> bool:
    """Whether the loss of the training was the mean squared error alone."""
    return bool(study.run.facts["settings"].get("loss", "mse") == "mse")


def draw_learning_curve(study: Study) -> Drawing:
    facts = study.run.facts
    baselines = {
        f"PCA, {study.run.latent_dim} components, test images": facts["scores"]["pca_mse"],
        "this model, test images": facts["scores"]["test_mse"],
    }
    note = ""
    if not _was_for_errors(study):
        baselines, note = {}, " The loss is the error and structural similarity."
    text = Text(
        "Learning curve",
        f"{facts['dataset']['name']}, {format_model(study)}, {facts['parameters']:,} parameters, "
        f"trained for {facts['epochs']} epochs ({facts['device']}). Validation images come "
        "from the training split. The test images were used once, at the end. Some training "
        "images are deformed, and in the first stage their codes carry noise: their loss is "
        f"measured with both.{note}",
    )
    history = study.run.read_history()
    return Drawing.of_page(draw.draw_learning_curve(history=history, baselines=baselines), text)


RECIPES = {
    "training.gif": Recipe(draw_training, (Learning,)),
    "training_map.gif": Recipe(
        draw_training_map, (Learning,), lambda study: study.of(Learning).map_unavailable
    ),
    "learning_curve.png": Recipe(
        draw_learning_curve, unavailable=lambda study: study.run.history_unavailable
    ),
}
