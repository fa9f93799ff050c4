"""How well the model reconstructs what it has never seen."""

import numpy as np

from latentspace.chapters.captions import format_metric, format_model
from latentspace.chapters.figure import Drawing, Recipe
from latentspace.chapters.reconstruct.measure import Reconstruction
from latentspace.chapters.study import Study
from latentspace.drawing.grids import Grid, Note, draw_grids
from latentspace.drawing.text import Text

COLUMNS, ROWS = 8, 4


def draw_reconstructions(study: Study) -> Drawing:
    chapter = study.of(Reconstruction)
    numbers = chapter.metrics
    count = min(COLUMNS * ROWS, len(study.fit_indices), len(study.images))
    columns = min(COLUMNS, count)
    count -= count % columns  # whole rows, and no image twice
    trained_name, unseen_name = "training images", "unseen test images"
    if study.run.is_imported:
        unseen_name = "test images, which this model may have seen"
    elif not study.is_trained_on_data:
        trained_name = f"training split of {study.data.name}, which this model was not trained on"

    def describe(who: str) -> str:
        kept = format_metric("detail", numbers[f"{who}_detail"], ".0%")
        more = ", ".join([f"SSIM {numbers[f'{who}_ssim']:.3f}", *kept])
        return f"{numbers[f'{who}_mse']:.5f} ({more})"

    text = Text(
        "Originals over reconstructions",
        f"{study.data.title}, {format_model(study)}. The number under each pair is its mean "
        f"squared error per pixel. Mean over {len(study.fit_indices):,} "
        f"{'training images' if study.is_trained_on_data else 'images of the training split'} "
        f"{numbers['train_mse']:.5f}, over all {len(study.images):,} {unseen_name} "
        f"{describe('test')}. PCA with {study.run.latent_dim} components on the test images: "
        f"{describe('pca')}. Detail is power in the upper half of the spectrum, of the images' "
        "own.",
    )
    found = []
    for split, name in (("train", trained_name), ("test", unseen_name)):
        images, back, errors = chapter.draw_examples(split, count)
        images, back = (each.reshape(-1, columns, *each.shape[1:]) for each in (images, back))
        notes = [
            [[Note(f"{error:.4f}", is_faint=True)] for error in row]
            for row in np.reshape(errors, (-1, columns))
        ]
        found.append(Grid([], [], images, name, below=back, notes=notes))
    return Drawing.of_images(draw_grids, text, grids=found, columns=2)


RECIPES = {"reconstructions.png": Recipe(draw_reconstructions, of=(Reconstruction,))}
