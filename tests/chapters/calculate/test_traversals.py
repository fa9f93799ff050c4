from __future__ import annotations

import numpy as np
import pytest
from conftest import LinearRun, make_study

from latentspace.chapters.calculate import traversals
from latentspace.chapters.calculate.traversals import Traversals
from latentspace.core.errors import InputError
from latentspace.datasets import ImageDataset


def test_axes_are_ordered_by_how_much_the_image_changes(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    axes = make_study(linear_run, tiny).of(Traversals).axes
    assert axes.starts[0] == traversals.MEAN
    assert len(axes.starts) == 4  # a typical image of each class after the mean
    assert axes.images.shape == (8, 4, traversals.STEPS, 14, 11, 1)
    assert (np.diff(axes.changes) <= 0).all()
    ends = (axes.images[:, 0, -1] - axes.images[:, 0, 0]).reshape(8, -1)
    np.testing.assert_allclose(axes.changes, np.linalg.norm(ends, axis=1), rtol=1e-5)
    middle = linear_run.decode(make_study(linear_run, tiny).train_codes.mean(axis=0)[None])[0]
    assert np.abs(axes.images[:, 0, traversals.STEPS // 2] - middle).max() < 0.6


def test_units_are_walked_one_by_one_and_dead_ones_named(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    linear_run.basis[:, 3] *= 1e-3
    subject = make_study(linear_run, tiny, axes="units")
    assert subject.of(Traversals).dead_units == [3]
    names = subject.of(Traversals).axes.names
    assert sorted(names) == sorted(f"unit {n}, dead" if n == 3 else f"unit {n}" for n in range(8))
    assert names[-1] == "unit 3, dead"


def test_a_step_along_an_axis_is_a_standard_deviation_of_the_codes(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    chapter = make_study(linear_run, tiny).of(Traversals)
    codes = chapter.study.train_codes
    first, last = (chapter.find_step(f"axis:{number}") for number in (1, 8))
    for step in (first, last):
        along = codes @ (step / np.linalg.norm(step))
        np.testing.assert_allclose(np.linalg.norm(step), along.std(), rtol=1e-2)
    assert np.linalg.norm(first) > 2 * np.linalg.norm(last)
    assert abs(first @ last) < 1e-6
    np.testing.assert_allclose(chapter.find_step("unit:3"), np.eye(8)[3] * codes[:, 3].std())
    assert chapter.find_step("slant") is None


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("axis:0", "axis:1 to axis:8"),
        ("axis:9", "axis:1 to axis:8"),
        ("unit:8", "unit:0 to unit:7"),
    ],
)
def test_axes_that_are_not_there_are_refused(
    linear_run: LinearRun, tiny: ImageDataset, name: str, known: str
) -> None:
    with pytest.raises(InputError, match=rf"{known}\. Received: {name}"):
        make_study(linear_run, tiny).of(Traversals).find_step(name)
