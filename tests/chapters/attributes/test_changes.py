from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from conftest import LinearRun
from faces import look_at, tell, without_classes

from latentspace.chapters.attributes import changes
from latentspace.chapters.attributes.changes import AttributeChanges
from latentspace.chapters.attributes.values import AttributeValues
from latentspace.core.errors import InputError
from latentspace.datasets import ImageDataset


def worn(data: ImageDataset) -> ImageDataset:
    """Hats and glasses alone."""
    both = (data.train_attributes, data.test_attributes)
    values = np.concatenate([each.values for each in both])
    names = both[0].names
    return tell(data, hat=values[:, names.index("hat")], glasses=values[:, names.index("glasses")])


def test_attributes_are_those_of_the_data_of_two_classes_and_of_strokes(
    principal_run: LinearRun, faces: ImageDataset, linear_run: LinearRun, tiny: ImageDataset
) -> None:
    values = look_at(principal_run, faces).of(AttributeValues)
    assert values.names == (*faces.train_attributes.names, "woman")
    np.testing.assert_array_equal(values.tables["test"].values[:, -1], faces.test_labels)
    assert list(values.is_number[:4]) == [False, False, False, True]
    alone = look_at(principal_run, without_classes(faces)).of(AttributeValues)
    assert alone.names == faces.train_attributes.names
    strokes = look_at(linear_run, tell(tiny, big=np.arange(180))).of(AttributeValues)
    assert strokes.names == ("big", "slant", "thickness", "width", "height")
    with pytest.raises(InputError, match=r"has the attributes big, slant.* Received: 'small'"):
        strokes.find("small")


def test_what_else_is_known_holds_no_value_of_the_same_column(
    principal_run: LinearRun, faces: ImageDataset
) -> None:
    chapter = look_at(principal_run, faces).of(AttributeValues)
    # Of 5 colours of hair 4, of 5 backgrounds 4, three that are worn, four numbers, the class.
    assert chapter.list_others("hair_colour=red", "train").shape == (700, 4 + 3 + 4 + 1)
    assert chapter.list_others("hat", "test").shape == (200, 4 + 4 + 2 + 4 + 1)
    values = faces.train_attributes.values.copy()
    values[::2, 1] = np.nan
    unknown = dataclasses.replace(faces.train_attributes, values=values)
    holed = dataclasses.replace(faces, train_attributes=unknown)
    others = look_at(principal_run, holed).of(AttributeValues).list_others("hat", "train")
    assert np.isfinite(others).all()
    np.testing.assert_allclose(others[::2, 1], others[1::2, 1].mean())


def test_a_hat_is_put_on_and_taken_off(principal_run: LinearRun, faces: ImageDataset) -> None:
    subject = look_at(principal_run, worn(faces))
    chapter, known = subject.of(AttributeChanges), subject.data.test_attributes.values[:, 0] == 1
    shares = np.tile([0, 0.5, 1], (len(known), 1))
    start, half, moved = chapter.change(subject.codes, "hat", known, shares).swapaxes(0, 1)
    read = subject.reader.read(subject.run.decode(moved))[:, 0]
    assert (read[~known] > 0.5).mean() > 0.9
    assert (read[known] < 0.5).mean() > 0.9
    np.testing.assert_array_equal(start, subject.codes)
    np.testing.assert_allclose(half, (subject.codes + moved) / 2, atol=1e-4)


def test_a_change_is_learnt_from_training_images_only(
    principal_run: LinearRun, faces: ImageDataset
) -> None:
    other = dataclasses.replace(faces, test_pixels=255 - faces.test_pixels)
    codes, has, share = np.ones((3, 40), np.float32), np.array([True, False, True]), np.ones((3, 1))
    moved = [
        look_at(principal_run, data).of(AttributeChanges).change(codes, "hat", has, share)
        for data in (faces, other)
    ]
    np.testing.assert_array_equal(*moved)


def test_what_goes_with_an_attribute_stays(principal_run: LinearRun, faces: ImageDataset) -> None:
    """The correction keeps what the transport alone would change."""
    subject = look_at(principal_run, faces)
    chapter, values = subject.of(AttributeChanges), subject.of(AttributeValues)
    moves, known = chapter.fit("hat"), values.tables["test"].values
    has = known[:, values.find("hat")] == 1
    both = moves.move(subject.codes, has, 0, 1.0), moves.forms.move(subject.codes, has)
    before = moves.reader.read(subject.codes)
    others = [place for place in range(before.shape[1]) if place != moves.place]
    changes = [np.abs(moves.reader.read(each) - before)[:, others].mean() for each in both]
    assert changes[0] < 0.7 * changes[1]


def test_numbers_of_a_change_stand_beside_components_and_pixels(
    principal_run: LinearRun, faces: ImageDataset
) -> None:
    subject = look_at(principal_run, faces, attribute=("hat", "glasses"))
    numbers = subject.of(AttributeChanges).metrics
    assert list(numbers["reliability"]) == ["hat", "glasses"]
    for kind in ("codes", "pca", "pixels"):
        found = numbers[kind]
        assert set(found) == {
            "read",
            "put_on",
            "taken_off",
            "kept",
            "least_kept",
            "kept_of",
            "reach",
        }
        assert found["read"]["hat"] > 0.95
        kept = found["kept_of"]["hat"]
        assert set(kept) == {*faces.train_attributes.groups, "woman"} - {"gaze", "woman"}
        others = [value for name, value in kept.items() if name != "hat"]
        assert np.isnan(kept["hat"])
        assert found["kept"]["hat"] == pytest.approx(np.mean(others))
        assert found["least_kept"]["hat"] == pytest.approx(min(others))
    assert numbers["codes"]["put_on"]["hat"] > 0.9
    # Codes are principal components here.
    put_on = [numbers[kind]["put_on"]["hat"] for kind in ("codes", "pca")]
    assert put_on[0] == pytest.approx(put_on[1], abs=0.05)
    words = [row.words for row in subject.of(AttributeChanges).rows]
    assert "hat put on: called so" in words


def test_what_nothing_tells_means_nothing(principal_run: LinearRun, faces: ImageDataset) -> None:
    guess = np.random.default_rng(0).integers(0, 2, 900)
    both = (worn(faces).train_attributes, worn(faces).test_attributes)
    hat = np.concatenate([each.values[:, 0] for each in both])
    told = tell(faces, hat=hat, guess=guess)
    numbers = look_at(principal_run, told).of(AttributeChanges).metrics
    assert numbers["meaningless"] == ["guess"]
    assert 0.35 < numbers["codes"]["read"]["guess"] < 0.65


def test_what_a_reader_can_not_tell_has_no_share(
    principal_run: LinearRun, faces: ImageDataset
) -> None:
    subject = look_at(principal_run, worn(faces))
    subject.reader.facts["readings"][0].update(quality=0.4, quality_interval=(0.3, 0.5))
    numbers = subject.of(AttributeChanges).metrics["codes"]
    assert np.isnan([numbers["put_on"]["hat"], numbers["taken_off"]["hat"]]).all()
    assert np.isfinite(numbers["put_on"]["glasses"])
    assert set(numbers["kept_of"]["glasses"]) == {"glasses"}


def test_rare_attributes_and_one_of_two_names_are_left_out(
    principal_run: LinearRun, faces: ImageDataset
) -> None:
    first = np.arange(900) % 2
    told = tell(faces, **{"rare": np.arange(900) < 9, "side=l": first, "side=r": 1 - first})
    chapter = look_at(principal_run, told).of(AttributeChanges)
    assert [name for name in chapter.names if name != "woman"] in (["side=l"], ["side=r"])
    asked = look_at(principal_run, told, attribute=("side=r", "side=l", "rare"))
    assert asked.of(AttributeChanges).names == ("side=r", "side=l")


def test_shown_images_go_from_without_to_with(
    principal_run: LinearRun, faces: ImageDataset
) -> None:
    subject = look_at(principal_run, faces, attribute=("hat",))
    shown = subject.of(AttributeChanges).shown["hat"]
    assert shown.shape == (4, changes.SHOWN_STEPS, 16, 16, 3)
    backs = subject.run.decode(subject.codes)
    for row, end in enumerate((0, 0, -1, -1)):  # itself where it has what it has
        assert np.abs(backs - shown[row, end]).max(axis=(1, 2, 3)).min() < 1e-5


def test_a_second_look_reads_nothing(
    principal_run: LinearRun, faces: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"cache": tmp_path, "attribute": ("hat",)}
    first = look_at(principal_run, faces, **options).of(AttributeChanges).metrics
    monkeypatch.setattr(AttributeChanges, "_score_change", None)
    assert str(look_at(principal_run, faces, **options).of(AttributeChanges).metrics) == str(first)
