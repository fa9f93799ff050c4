from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from conftest import LinearRun, make_study
from faces import look_at, without_classes

from latentspace.analysis import scores
from latentspace.chapters.attributes import figures
from latentspace.chapters.attributes.analogies import WAYS, Analogies
from latentspace.chapters.study import Study
from latentspace.datasets import ImageDataset
from latentspace.datasets.dataset import NO_ATTRIBUTES


@pytest.fixture
def study(principal_run: LinearRun, faces: ImageDataset) -> Study:
    return look_at(principal_run, faces, attribute=("hat", "glasses"))


def test_triples_are_with_without_and_another_without(study: Study) -> None:
    triples = study.of(Analogies).choose("hat", 50)
    hat = study.data.test_attributes.values[:, study.data.test_attributes.names.index("hat")]
    assert hat[triples[0]].all()
    assert not hat[triples[1]].any()
    assert not hat[triples[2]].any()
    assert (triples[1] != triples[2]).all()
    assert len(set(triples[0].tolist())) == len(triples[0])
    # The one without it is most alike in what else is known.
    others = study.of(Analogies).values.list_others("hat", "test")
    away = np.abs(others[triples[0]] - others[triples[1]]).sum(axis=1)
    assert away.mean() < np.abs(others[triples[0]] - others[triples[2]]).sum(axis=1).mean()


def test_the_truth_is_the_other_image_drawn_with_what_a_has(study: Study) -> None:
    chapter = study.of(Analogies)
    triples = chapter.choose("hat", 20)
    right = chapter.find_truth("hat", triples)
    factors, rows = study.data.truth.factors, study.data.truth.rows
    assert (factors["hat"][rows[triples[0]]] > 0).all()
    changed = np.abs(right - study.images[triples[2]]).mean(axis=(2, 3))  # (N, H)
    assert (changed.max(axis=1) > 0).all()
    assert changed[:, :8].sum() > 3 * changed[:, 8:].sum()  # hats are on top


def test_errors_are_against_the_truth_and_the_floor_is_below_them(study: Study) -> None:
    chapter = study.of(Analogies)
    numbers = chapter.metrics["attributes"]
    assert list(numbers) == ["hat", "glasses"]
    for name, ways in numbers.items():
        assert set(ways) == {*WAYS, "reconstruction_of_the_truth", "nearest_training_image"}
        floor = ways["reconstruction_of_the_truth"]["error"]
        assert all(floor < ways[way]["error"] for way in WAYS)
        assert ways["transport"]["error"] < ways["single_codes"]["error"]
        triples = chapter.choose(name, 200)
        made, right = chapter.solve(name, triples), chapter.find_truth(name, triples)
        error = np.median(scores.squared_errors(right, made["pixels"]))
        assert ways["pixels"]["error"] == pytest.approx(error)
        read = chapter.values.read(made["means"])[:, chapter.values.find(name)]
        assert ways["means"]["called_so"] == pytest.approx((read > 0.5).mean())
    row = next(row for row in chapter.rows if row.words.startswith("hat"))
    assert row.own.value == numbers["hat"]["transport"]["error"]
    assert row.baselines["pixels"].value == numbers["hat"]["pixels"]["error"]


def test_without_a_truth_there_are_no_errors(principal_run: LinearRun, faces: ImageDataset) -> None:
    unknown = dataclasses.replace(faces, truth=None)
    numbers = (
        look_at(principal_run, unknown, attribute=("hat",))
        .of(Analogies)
        .metrics["attributes"]["hat"]
    )
    assert set(numbers) == set(WAYS)
    assert all(set(found) == {"called_so", "nearest_distance"} for found in numbers.values())


def test_pictures_show_every_way_and_say_its_numbers(study: Study) -> None:
    drawing = figures.draw_analogies(study)
    assert drawing.frames.ndim == 3
    assert "drawn with what A has" in drawing.text.caption
    still = figures.draw_attributes(study)
    assert "put on and taken off by transport" in still.text.caption
    assert still.frames.shape[2] == 3
    moving = figures.draw_moving_attributes(study)
    assert len(moving.frames) > 33


def test_most_reliable_attributes_come_first_and_at_most_eight(
    principal_run: LinearRun, faces: ImageDataset
) -> None:
    subject = look_at(principal_run, faces)
    shown = figures.choose_attributes(subject)
    assert len(shown) == 8
    assert not any("=" in name for name in shown[:6])
    asked = look_at(principal_run, faces, attribute=("smile", "hair_colour=red"))
    assert figures.choose_attributes(asked) == ["smile", "hair_colour=red"]


def test_images_of_which_nothing_is_known_have_no_attributes(
    principal_run: LinearRun, faces: ImageDataset
) -> None:
    nothing = {"train_attributes": NO_ATTRIBUTES, "test_attributes": NO_ATTRIBUTES}
    bare = dataclasses.replace(without_classes(faces), **nothing)
    reason = figures._explain_no_attributes(make_study(principal_run, bare))
    assert "--attributes-file" in str(reason)
