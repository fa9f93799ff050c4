"""Images to train on and to look at: named sets, files and folders -> `ImageDataset`."""

from latentspace.datasets.class_names import DIGITS
from latentspace.datasets.dataset import ImageDataset, Reading, limited, validation_indices
from latentspace.datasets.named import load_dataset, recorded_place
from latentspace.datasets.own_image import fit_picture, read_image, typical_ink_side

__all__ = [
    "DIGITS",
    "ImageDataset",
    "Reading",
    "fit_picture",
    "limited",
    "load_dataset",
    "read_image",
    "recorded_place",
    "typical_ink_side",
    "validation_indices",
]
