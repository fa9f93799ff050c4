"""How the model has learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latentspace.figures.registry.figure import Figure, model_name

if TYPE_CHECKING:
    from latentspace.study import Study


def _learning_curve(study: Study, fps: float) -> dict[str, Any]:
    facts = study.run.facts
    numbers = facts["scores"]
    return {
        "history": study.run.history(),
        "baselines": {
            f"PCA, {study.run.latent_dim} components, test images": numbers["pca_mse"],
            "this model, test images": numbers["test_mse"],
        },
        "title": "Learning curve",
        "caption": (
            f"{facts['dataset']['name']}, {model_name(study)}, {facts['parameters']:,} parameters, "
            f"trained for {facts['epochs']} epochs in {facts['seconds']:.0f} s "
            f"({facts['device']}). Validation images come out of the training "
            "split; the test images were seen once, at the end. The loss of the training images is "
            "that of partly deformed images, with noise on their codes in the first stage."
        ),
    }


FIGURES = (
    Figure(
        "--reconstructions",
        "learning_curve.png",
        "training and validation loss per epoch",
        None,
        "reconstructions.draw_learning_curve",
        _learning_curve,
        missing=lambda study: study.run.history_missing,
    ),
)
