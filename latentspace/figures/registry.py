"""`FIGURES`, the one list of pictures: flag, file, caption, numbers, and how each is drawn."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from latentspace.study import Study

HOLD_SECONDS = 0.6
RECONSTRUCTION_COLUMNS, RECONSTRUCTION_ROWS = 8, 4
FLAGS = {
    "--reconstructions": "how well the model draws what it has never seen",
    "--maps": "t-SNE of the pixels against t-SNE of the codes",
    "--interpolation": "blending pixels against walking between codes",
    "--arithmetic": "sums and differences of codes",
}


@dataclass(frozen=True)
class Figure:
    """One picture.

    Attributes:
        flag: The command-line flag that asks for it, a key of `FLAGS`.
        file: Its name in the output folder; the suffix says still (.png) or animation (.gif).
        about: What it shows, in one line.
        section: The section of metrics.json with its numbers; None where it has none.
        function: The pure drawing function, as "module.name" within `latentspace.figures`.
        arguments: Takes them, caption included, out of a study.
        in_story: Whether it is made when no flag asks for pictures.
    """

    flag: str
    file: str
    about: str
    section: str | None
    function: str
    arguments: Callable[[Study, float], dict[str, Any]]
    in_story: bool = True

    def draw(self, study: Study, fps: float) -> np.ndarray:
        """Draws it.

        Args:
            study: Where arrays and numbers come from.
            fps: Frames per second at which an animation will be shown.

        Returns:
            uint8 (H, W, 3) for a still, (T, H, W, 3) for an animation.
        """
        module, name = self.function.split(".")
        function = getattr(importlib.import_module(f"latentspace.figures.{module}"), name)
        return function(**self.arguments(study, fps))


def _model(study: Study) -> str:
    return f"run {study.run.name}, {study.run.latent_dim} units"


def _reconstructions(study: Study, fps: float) -> dict[str, Any]:
    numbers = study.reconstruction_metrics
    count = RECONSTRUCTION_COLUMNS * RECONSTRUCTION_ROWS
    return {
        "trained": study.reconstruction_examples("train", count),
        "unseen": study.reconstruction_examples("test", count),
        "trained_name": (
            "training images"
            if study.is_trained_on_data
            else f"training split of {study.data.name}, which this model was not trained on"
        ),
        "columns": RECONSTRUCTION_COLUMNS,
        "caption": (
            f"{study.data.name}, {_model(study)}. Under each pair its mean squared error per "
            f"pixel. Mean over {len(study.fitted):,} "
            f"{'training images' if study.is_trained_on_data else 'images of the training split'} "
            f"{numbers['train_mse']:.5f}, over all {len(study.images):,} unseen test images "
            f"{numbers['test_mse']:.5f} (SSIM {numbers['test_ssim']:.3f}). PCA with "
            f"{study.run.latent_dim} components on the test images: {numbers['pca_mse']:.5f}."
        ),
    }


def _learning_curve(study: Study, fps: float) -> dict[str, Any]:
    facts = study.run.facts
    numbers = facts["scores"]
    return {
        "history": study.run.history(),
        "baselines": {
            f"PCA, {study.run.latent_dim} components, test images": numbers["pca_mse"],
            "this model, test images": numbers["test_mse"],
        },
        "caption": (
            f"{facts['dataset']['name']}, {_model(study)}, {facts['parameters']:,} parameters, "
            f"trained for {facts['epochs']} epochs in {facts['seconds']:.0f} s "
            f"({facts['device']}). Validation images come out of the training "
            "split; the test images were seen once, at the end. The loss of the training images is "
            "that of deformed images with noise on their codes."
        ),
    }


def _map_caption(study: Study, space: str) -> str:
    numbers = study.map(space).metrics
    return (
        f"perplexity {numbers['perplexity']:g}, KL divergence {numbers['kl_divergence']:.2f}. "
        f"10-NN label accuracy {numbers['knn_accuracy']:.3f} in the map, "
        f"{numbers['source_knn_accuracy']:.3f} before it; trustworthiness "
        f"{numbers['trustworthiness']:.3f}"
    )


def _image_map(space: str, source: str) -> Callable[[Study, float], dict[str, Any]]:
    def arguments(study: Study, fps: float) -> dict[str, Any]:
        return {
            "images": study.map_images,
            "points": study.map(space).points,
            "labels": study.map_labels,
            "class_names": study.data.class_names,
            "title": f"t-SNE of the {source}",
            "caption": (
                f"{len(study.map_indices):,} test images of {study.data.name}"
                f"{'' if space == 'pixel' else f', {_model(study)}'}; "
                f"{_map_caption(study, space)}. Distances between clusters and their sizes mean "
                "little (Wattenberg et al. 2016)."
            ),
        }

    return arguments


def _comparison(study: Study, fps: float) -> dict[str, Any]:
    headings = {"pixel": "pixels", "latent": "codes"}
    return {
        "maps": [
            (
                f"t-SNE of the {heading}\n10-NN accuracy {metrics['knn_accuracy']:.3f} (before "
                f"{metrics['source_knn_accuracy']:.3f}), trustworthiness "
                f"{metrics['trustworthiness']:.3f}, KL {metrics['kl_divergence']:.2f}",
                study.map(space).points,
            )
            for space, heading in headings.items()
            for metrics in [study.map(space).metrics]
        ],
        "labels": study.map_labels,
        "class_names": study.data.class_names,
        "title": "The same images, mapped from their pixels and from their codes",
        "caption": (
            f"{len(study.map_indices):,} test images of {study.data.name}, {_model(study)}, "
            f"perplexity {study.options.perplexity:g}. The map of the codes is turned and mirrored "
            "onto the other. Distances between clusters and their sizes mean little (Wattenberg et "
            "al. 2016)."
        ),
    }


def _interpolation(study: Study, fps: float) -> dict[str, Any]:
    return {
        "ways": study.ways,
        "pair_names": study.pair_names,
        "caption": (
            f"Test images of {study.data.name}, {_model(study)}. Upper rows: the two images "
            "blended. Lower rows: the straight line between their codes, decoded, so "
            "that both ends are reconstructions."
        ),
    }


def _loop(title: str, *ways: str) -> Callable[[Study, float], dict[str, Any]]:
    def arguments(study: Study, fps: float) -> dict[str, Any]:
        return {
            "ways": {way: study.ways[way] for way in ways},
            "hold_frames": max(1, round(HOLD_SECONDS * fps)),
            "title": title,
            "caption": f"Pairs of test images of {study.data.name}, {_model(study)}.",
        }

    return arguments


def _arithmetic(study: Study, fps: float) -> dict[str, Any]:
    explained = (
        f"= {study.options.expression}"
        if study.options.expression
        else "Above: sums of the codes of three test images. Below: a test image of each "
        "class (left), minus the mean code of its class, plus the mean code of the class above; "
        "means over training images."
    )
    return {
        "sections": study.arithmetic_sections(),
        "caption": (
            f"{study.data.name}, {_model(study)}; every image is decoded from a code. {explained}"
        ),
    }


FIGURES = (
    Figure(
        "--reconstructions",
        "reconstructions.png",
        "originals over reconstructions, trained and unseen, with their errors",
        "reconstruction",
        "reconstructions.draw_reconstructions",
        _reconstructions,
    ),
    Figure(
        "--reconstructions",
        "learning_curve.png",
        "training and validation loss per epoch",
        None,
        "reconstructions.draw_learning_curve",
        _learning_curve,
    ),
    Figure(
        "--maps",
        "tsne_pixel.png",
        "t-SNE of the pixels, drawn as the images themselves",
        "maps",
        "maps.draw_image_map",
        _image_map("pixel", "pixels"),
    ),
    Figure(
        "--maps",
        "tsne_latent.png",
        "t-SNE of the codes, drawn as the images themselves",
        "maps",
        "maps.draw_image_map",
        _image_map("latent", "codes"),
    ),
    Figure(
        "--maps",
        "tsne_comparison.png",
        "both maps as labelled points side by side, with their scores",
        "maps",
        "maps.draw_comparison",
        _comparison,
    ),
    Figure(
        "--interpolation",
        "interpolation.png",
        "rows of blended pixels over rows of decoded codes",
        None,
        "interpolation.draw_interpolation",
        _interpolation,
    ),
    *(
        Figure(
            "--interpolation",
            file,
            about,
            None,
            "interpolation.draw_interpolation_loop",
            _loop(title, *ways),
        )
        for file, about, title, ways in (
            (
                "interpolation_pixel.gif",
                "blending pixels, as a loop",
                "Blending pixels",
                ("pixels",),
            ),
            (
                "interpolation_latent.gif",
                "walking between codes, as a loop",
                "Walking between codes",
                ("codes",),
            ),
            (
                "interpolation.gif",
                "blending pixels over walking between codes, as a loop",
                "Blending pixels, walking between codes",
                ("pixels", "codes"),
            ),
        )
    ),
    Figure(
        "--arithmetic",
        "arithmetic.png",
        "codes and class means added and subtracted, decoded",
        None,
        "arithmetic.draw_arithmetic",
        _arithmetic,
    ),
)
