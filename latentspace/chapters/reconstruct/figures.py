"""How well the model draws what it has never seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latentspace.chapters.figure import Figure, format_model

if TYPE_CHECKING:
    from latentspace.chapters.study import Study

COLUMNS, ROWS = 8, 4


def _reconstructions(study: Study, fps: float) -> dict[str, Any]:
    numbers = study.reconstruction.metrics
    count = min(COLUMNS * ROWS, len(study.fit_indices), len(study.images))
    columns = min(COLUMNS, count)
    count -= count % columns  # whole rows, and no image twice
    trained_name, unseen_name = "training images", "unseen test images"
    if study.run.is_imported:
        unseen_name = "test images, which this model may have seen"
    elif not study.is_trained_on_data:
        trained_name = f"training split of {study.data.name}, which this model was not trained on"
    return {
        "trained": study.reconstruction.draw_examples("train", count),
        "unseen": study.reconstruction.draw_examples("test", count),
        "trained_name": trained_name,
        "unseen_name": unseen_name,
        "columns": columns,
        "title": "Originals over reconstructions",
        "caption": (
            f"{study.data.name}, {format_model(study)}. Under each pair its mean squared error per "
            f"pixel. Mean over {len(study.fit_indices):,} "
            f"{'training images' if study.is_trained_on_data else 'images of the training split'} "
            f"{numbers['train_mse']:.5f}, over all {len(study.images):,} {unseen_name} "
            f"{numbers['test_mse']:.5f} (SSIM {numbers['test_ssim']:.3f}). PCA with "
            f"{study.run.latent_dim} components on the test images: {numbers['pca_mse']:.5f}."
        ),
    }


FIGURES = (
    Figure(
        "--reconstructions",
        "reconstructions.png",
        "originals over reconstructions, trained and unseen, with their errors",
        "reconstruction",
        "chapters.reconstruct.draw.draw_reconstructions",
        _reconstructions,
    ),
)
