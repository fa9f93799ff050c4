"""How the model has learned: a film, a map that moves, a curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latentspace.chapters.figure import Figure, count_hold_frames, format_model

if TYPE_CHECKING:
    from latentspace.chapters.study import Study

SECONDS = 8  # of a film, about


def _describe_training(study: Study) -> str:
    facts = study.run.facts
    return (
        f"{facts['dataset']['name']}, {format_model(study)}, trained for {facts['epochs']} epochs. "
        f"{len(study.learning.snapshots.steps)} moments of it, close together at first, then ever "
        "farther apart."
    )


def _count_frames(study: Study, fps: float) -> int:
    return max(1, round(SECONDS * fps / len(study.learning.snapshots.steps)))


def _format_moments(study: Study) -> list[str]:
    film = study.learning.snapshots
    return [
        f"{seen:,} images seen, {epochs:.2f} epochs"
        for seen, epochs in zip(film.images_seen, film.epochs, strict=True)
    ]


def _training(study: Study, fps: float) -> dict[str, Any]:
    learning, facts = study.learning, study.run.facts
    film, history = learning.snapshots, study.run.read_history()
    names = study.data.class_names
    an_epoch = film.images_seen[-1] / film.epochs[-1] if film.epochs[-1] else 0
    watched = f"{len(film.indices):,} held-back images"
    return {
        "originals": film.originals,
        "reconstructions": film.reconstructions,
        "names": [names[label] for label in learning.labels[: len(film.originals)]],
        "curves": {
            watched: (film.images_seen, film.errors),
            "training images, mean of an epoch": (history["epoch"] * an_epoch, history["loss"]),
        },
        "baselines": {f"PCA, {study.run.latent_dim} components": learning.metrics["pca_mse"]},
        "notes": [
            f"{moment}: mean squared error {error:.4f}"
            for moment, error in zip(_format_moments(study), film.errors, strict=True)
        ],
        "order": [
            *np.repeat(range(len(film.steps)), _count_frames(study, fps)),
            *[len(film.steps) - 1] * 2 * count_hold_frames(fps),
        ],
        "title": "How it learned to draw what it does not train on",
        "caption": (
            f"{_describe_training(study)} None of these images is trained on. The error is that of {watched}, "
            f"these among them; PCA's too. {facts['scores']['test_mse']:.5f} on the test images "
            "in the end, of the best epoch."
        ),
    }


def _training_map(study: Study, fps: float) -> dict[str, Any]:
    learning, numbers = study.learning, study.learning.metrics
    notes = {"pixel": [""] * len(learning.snapshots.steps), "latent": _format_moments(study)}
    if "knn_accuracy" in numbers:
        accuracies = {
            "pixel": [numbers["pixel_knn_accuracy"]] * len(notes["pixel"]),
            "latent": numbers["knn_accuracy"],
        }
        for space, each in accuracies.items():
            notes[space] = [
                ": ".join(filter(None, (note, f"10-NN {accuracy:.3f}")))
                for note, accuracy in zip(notes[space], each, strict=True)
            ]
    pace = _count_frames(study, fps)
    headings = {"pixel": "pixels, which do not change", "latent": "codes, while the model learns"}
    return {
        "maps": [
            (f"t-SNE of the {headings[space]}", _interpolate_points(points, pace))
            for space, points in learning.maps.items()
        ],
        "notes": [[note for note in each for _ in range(pace)] for each in notes.values()],
        "labels": learning.labels,
        "class_names": study.data.class_names,
        "hold_frames": 2 * count_hold_frames(fps),
        "title": "How classes come apart while the model learns",
        "caption": (
            f"{_describe_training(study)} {numbers['images']:,} held-back images, which it does not train on. "
            f"t-SNE, perplexity {learning.perplexity:g}, each map started from the one before, the "
            "ways between them straight; KL divergence of the last "
            f"{numbers['map_kl_divergence']:.2f}, of a map of the same codes made afresh "
            f"{numbers['afresh_kl_divergence']:.2f}. 10-NN is the label accuracy in codes and "
            "pixels themselves, not in their maps."
        ),
    }


def _interpolate_points(points: np.ndarray, pace: int) -> np.ndarray:
    """Points (T, N, 2), each moment reached in `pace` equal steps: (T * pace, N, 2)."""
    earlier = np.concatenate([points[:1], points[:-1]])
    shares = np.arange(1, pace + 1)[:, np.newaxis, np.newaxis] / pace
    paths = earlier[:, np.newaxis] + shares * (points - earlier)[:, np.newaxis]
    return paths.reshape(-1, *points.shape[1:])


def _learning_curve(study: Study, fps: float) -> dict[str, Any]:
    facts = study.run.facts
    numbers = facts["scores"]
    return {
        "history": study.run.read_history(),
        "baselines": {
            f"PCA, {study.run.latent_dim} components, test images": numbers["pca_mse"],
            "this model, test images": numbers["test_mse"],
        },
        "title": "Learning curve",
        "caption": (
            f"{facts['dataset']['name']}, {format_model(study)}, {facts['parameters']:,} parameters, "
            f"trained for {facts['epochs']} epochs ({facts['device']}). Validation images come "
            "out of the training split; the test images were seen once, at the end. The loss of "
            "the training images is that of partly deformed images, with noise on their codes in "
            "the first stage."
        ),
    }


FIGURES = (
    Figure(
        "--film",
        "training.gif",
        "unseen images drawn better and better, with the curve of the error",
        "learning",
        "chapters.learn.draw.draw_training",
        _training,
        unavailable=lambda study: study.learning.unavailable,
    ),
    Figure(
        "--film",
        "training_map.gif",
        "the map of the codes while the model learns, beside that of the pixels",
        "learning",
        "drawing.clouds.draw_forming",
        _training_map,
        unavailable=lambda study: study.learning.map_unavailable,
    ),
    Figure(
        "--reconstructions",
        "learning_curve.png",
        "training and validation loss per epoch",
        None,
        "chapters.reconstruct.draw.draw_learning_curve",
        _learning_curve,
        unavailable=lambda study: study.run.history_unavailable,
    ),
)
