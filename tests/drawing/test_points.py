from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.figure import Figure
from skimage.color import rgb2lab

from latentspace.drawing.points import LabelledMaps, choose_class_colors, draw_scatters

FLOOR, BLIND_FLOOR = 41.0, 29.0  # of CIELAB distances; measured 42.0 and 29.5
GREY = 20.0  # chroma below which a colour looks grey
# Machado, Oliveira & Fernandes 2009, severity 1, of linear RGB.
BLINDNESS = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def simulate(colors: np.ndarray, blindness: str) -> np.ndarray:
    """What a colour-blind reader sees of sRGB colours, float (N, 3) in [0, 1]."""
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(BLINDNESS[blindness]).T, 0, 1)
    return np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)


def measure_distances(colors: np.ndarray) -> np.ndarray:
    lab = rgb2lab(colors[np.newaxis])[0]
    return np.linalg.norm(lab[:, np.newaxis] - lab, axis=-1)


def test_any_two_of_ten_colours_differ() -> None:
    distances = measure_distances(choose_class_colors(10))
    assert distances[np.triu_indices(10, 1)].min() > FLOOR


@pytest.mark.parametrize("blindness", BLINDNESS)
def test_any_two_of_ten_differ_for_colour_blind_readers(blindness: str) -> None:
    distances = measure_distances(simulate(choose_class_colors(10), blindness))
    assert distances[np.triu_indices(10, 1)].min() > BLIND_FLOOR


def test_no_class_is_grey() -> None:
    for count in (10, 30):
        lab = rgb2lab(choose_class_colors(count)[np.newaxis])[0]
        assert np.hypot(lab[:, 1], lab[:, 2]).min() > GREY


def test_digits_that_are_neighbours_on_maps_are_farther_apart_than_most() -> None:
    colors = choose_class_colors(10)
    seen = [colors, *(simulate(colors, blindness) for blindness in BLINDNESS)]
    least = np.min([measure_distances(some) for some in seen], axis=0)
    median = np.median(least[np.triu_indices(10, 1)])
    neighbours = [*itertools.combinations((3, 5, 8), 2), (4, 9), (7, 9)]
    assert min(least[pair] for pair in neighbours) > 45
    assert np.mean([least[pair] for pair in neighbours]) > median


@pytest.mark.parametrize("count", [11, 26, 136])
def test_of_many_classes_those_next_to_each_other_differ(count: int) -> None:
    colors = choose_class_colors(count)
    distances = measure_distances(colors)
    assert len(np.unique(colors.round(3), axis=0)) == count
    assert min(distances[place, place + 1] for place in range(count - 1)) > 15


def test_a_few_of_the_classes_keep_their_colours_and_names() -> None:
    figure = Figure(layout="constrained")
    classes, points = [8, 5, 3], np.random.default_rng(0).normal(size=(30, 2))
    maps = LabelledMaps({"h": points}, np.resize(classes, 30), tuple("abcdefghij"))
    (axes,) = draw_scatters(figure, maps, classes=classes)
    colors = choose_class_colors(10)
    drawn = np.unique(axes.collections[0].get_facecolors()[:, :3], axis=0)
    np.testing.assert_allclose(drawn, np.unique(colors[classes], axis=0))
    assert sorted(text.get_text() for text in axes.texts) == ["d", "f", "i"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["i", "f", "d"]
    for handle, label in zip(legend.legend_handles, classes, strict=True):
        np.testing.assert_allclose(handle.get_color(), colors[label])


def test_images_without_classes_have_neither_names_nor_a_legend() -> None:
    figure, points = Figure(layout="constrained"), np.random.default_rng(0).normal(size=(30, 2))
    (axes,) = draw_scatters(figure, LabelledMaps({"h": points}, np.zeros(30, int), ("image",)))
    assert len(axes.collections[0].get_offsets()) == 30
    assert not axes.texts
    assert not figure.legends


def test_one_class_alone_is_not_pale() -> None:
    alone = choose_class_colors(1)
    assert alone.shape == (1, 3)
    assert rgb2lab(alone[np.newaxis])[0, 0, 0] < 60  # of 100, white
