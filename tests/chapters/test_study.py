from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import LinearRun, make_study
from PIL import Image

from latentspace.chapters import load_chapters, study
from latentspace.chapters.calculate.arithmetic import Arithmetic
from latentspace.chapters.interpolate.measure import Interpolation
from latentspace.chapters.maps.measure import Maps
from latentspace.chapters.study import Study
from latentspace.core import progress
from latentspace.core.errors import InputError
from latentspace.datasets import ImageDataset
from latentspace.models.run_schema import DENSITY, KEPT_CODES


def test_nothing_is_computed_before_it_is_asked_for_nor_twice(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    subject = make_study(linear_run, tiny)
    assert linear_run.calls == []
    for _ in range(2):
        assert len(subject.codes) == 60
        assert subject.of(Interpolation).get_images("linear").shape[:2] == (5, 7)
    assert linear_run.calls == [("encode", 60), ("decode", 35)]


def test_a_chapter_is_made_once(linear_run: LinearRun, tiny: ImageDataset) -> None:
    subject = make_study(linear_run, tiny, seed=5)
    assert subject.of(Interpolation) is subject.of(Interpolation)
    assert subject.of(Interpolation).study is subject
    assert subject.settings.seed == 5


def test_images_are_selected_by_index_class_and_file(
    linear_run: LinearRun, tiny: ImageDataset, tmp_path: Path
) -> None:
    subject = make_study(linear_run, tiny)
    by_index = subject.select("4")
    np.testing.assert_array_equal(by_index.image, tiny.test_images[4])
    np.testing.assert_array_equal(by_index.code, subject.codes[4])
    assert by_index.name == "lying (#4)"

    typical = subject.select("class:slanted")
    members = subject.codes[tiny.test_labels == 2]
    away = np.linalg.norm(members - subject.class_means[2], axis=1)
    np.testing.assert_array_equal(typical.code, members[away.argmin()])

    path = tmp_path / "mine.png"
    Image.fromarray(255 - tiny.test_pixels[7, ..., 0]).save(path)  # on light ground
    own = subject.select(str(path))
    np.testing.assert_allclose(own.image, tiny.test_images[7], atol=1e-6)
    assert own.name == "mine.png"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("60", "0 to 59. Received: --from 60"),
        ("class:round", "upright, lying, slanted. Received: --from class:round"),
        ("no.png", "an image file. Received: --from no.png"),
    ],
)
def test_what_is_not_there_cannot_be_selected(
    linear_run: LinearRun, tiny: ImageDataset, name: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        make_study(linear_run, tiny, start=(name,), end=("0",)).check(load_chapters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 61}, "60 test images. Received: --samples 61"),
        ({"samples": 20}, "at most 6. Received: --perplexity 8"),
        ({"perplexity": 29.0}, "at most 20. Received: --perplexity 29"),
        ({"frames": 1}, "--frames 1"),
        ({"expression": "3 - 77"}, "'77' at character 5"),
        ({"expression": "3 - class:round"}, "upright, lying, slanted.*'class:round'"),
        ({"expression": "3 3"}, "character 3"),
        ({"expression": "thick"}, "begin with an index"),
    ],
)
def test_options_beyond_the_data_are_refused(
    linear_run: LinearRun, tiny: ImageDataset, options: dict, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        make_study(linear_run, tiny, **options).check(load_chapters())


def test_images_of_another_shape_are_refused(tiny: ImageDataset) -> None:
    with pytest.raises(InputError, match=r"\(14, 12, 1\). Received: \(14, 11, 1\)"):
        make_study(LinearRun((14, 12, 1)), tiny)


@pytest.mark.parametrize("name", ["²", "9" * 5000, "60", "a\nb", "\x1b[31mred", "\udcff", "../.."])
def test_a_name_that_stands_for_no_image_is_refused_in_a_line(
    linear_run: LinearRun, tiny: ImageDataset, name: str
) -> None:
    subject = make_study(linear_run, tiny)
    with pytest.raises(InputError) as caught:
        subject.check_selection(name, f"--place {name}")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_an_odd_name_of_an_image_file_is_fit_to_be_drawn(
    linear_run: LinearRun, tiny: ImageDataset, tmp_path: Path
) -> None:
    path = tmp_path / "$x$\n\x1b\udcff.png"
    Image.fromarray(tiny.test_pixels[7, ..., 0]).save(path)
    assert make_study(linear_run, tiny).select(str(path)).name == "$x$\ufffd\ufffd?.png"
    path.write_text("no image")
    with pytest.raises(InputError, match="can't be read as an image") as caught:
        make_study(linear_run, tiny).select(str(path))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("expected", "measure"),
    [
        ("encoding train images", lambda study: study.train_codes),
        ("scoring paths", lambda study: study.of(Interpolation).metrics),
        ("class transfer", lambda study: study.of(Arithmetic).metrics),
        ("scoring maps", lambda study: study.of(Maps).metrics),
        ("decoding images", lambda study: study.decode(study.codes)),
    ],
)
def test_what_may_take_long_shows_how_far_it_is_unless_quiet(
    linear_run: LinearRun,
    tiny: ImageDataset,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    quick: None,
    expected: str,
    measure: Callable[[Study], object],
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr(progress, "DELAY_SECONDS", 0.0)
    measure(make_study(linear_run, tiny, with_classifier=True, quiet=True))
    assert capsys.readouterr().err == ""
    measure(make_study(linear_run, tiny, with_classifier=True))
    assert expected in capsys.readouterr().err


def test_the_density_is_that_of_the_run_or_fitted_once(
    linear_run: LinearRun, tiny: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = make_study(linear_run, tiny, tmp_path).density
    assert set(fitted.classes) == {0, 1, 2}
    monkeypatch.setattr(study, "fit_density", None)  # a second fit would fail
    again = make_study(linear_run, tiny, tmp_path).density
    np.testing.assert_array_equal(again.means, fitted.means)
    kept = dataclasses.asdict(fitted) | {"means": fitted.means + 1}
    monkeypatch.setattr(linear_run, "read_kept", {DENSITY: kept}.get)
    linear_run.facts["dataset"]["hash"] = tiny.hash
    of_run = make_study(linear_run, tiny).density
    np.testing.assert_array_equal(of_run.means, fitted.means + 1)


def test_codes_are_those_that_the_training_kept_where_images_are_the_same(
    linear_run: LinearRun, tiny: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {split: np.full((count, 8), 3.0) for split, count in (("train", 120), ("test", 60))}
    monkeypatch.setattr(linear_run, "read_kept", {KEPT_CODES: kept}.get)
    others = make_study(linear_run, tiny)
    assert not (others.codes == 3).any()
    linear_run.facts["dataset"]["hash"] = tiny.hash
    linear_run.calls.clear()
    same = make_study(linear_run, tiny)
    np.testing.assert_array_equal(same.codes, kept["test"])
    np.testing.assert_array_equal(same.train_codes, kept["train"])
    assert linear_run.calls == []


def test_corrected_labels_change_what_depends_on_them_alone(
    linear_run: LinearRun, tiny: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    linear_run.facts["dataset"]["hash"] = tiny.hash
    before = make_study(linear_run, tiny, tmp_path)
    fitted = before.density
    assert len(before.codes) == 60
    kept = dataclasses.asdict(fitted) | {"means": fitted.means + 1}
    monkeypatch.setattr(linear_run, "read_kept", {DENSITY: kept}.get)
    labels = tiny.train_labels.copy()
    labels[:9] = 0
    corrections = {"uncorrected_hash": tiny.hash, "corrected": (("train", 1),)}
    data = dataclasses.replace(tiny, train_labels=labels, **corrections)
    after = make_study(linear_run, data, tmp_path)
    assert after.is_trained_on_data
    np.testing.assert_array_equal(after.fit_indices, before.fit_indices)
    assert len(after.fit_indices) < 120
    calls = list(linear_run.calls)
    np.testing.assert_array_equal(after.codes, before.codes)
    assert np.abs(after.density.means - kept["means"]).max() > 0.1
    assert np.abs(after.density.means - fitted.means).max() > 0.05
    mean = after.train_codes[labels == 2].mean(axis=0)
    np.testing.assert_allclose(after.class_means[2], mean, rtol=1e-5)
    assert linear_run.calls == calls
