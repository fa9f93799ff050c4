"""Images to train on and to look at: named sets, files and folders -> `ImageDataset`."""

from latentspace.datasets.arrays import hash_images
from latentspace.datasets.corrections import is_corrections
from latentspace.datasets.dataset import (
    Attributes,
    ImageDataset,
    ReadOptions,
    choose_limited,
    find_index,
    group_columns,
    split_validation,
)
from latentspace.datasets.lists import read_list
from latentspace.datasets.named import DIGITS, find_recorded_place, load_dataset
from latentspace.datasets.own_image import Ink, find_ink, fit_picture, read_image
