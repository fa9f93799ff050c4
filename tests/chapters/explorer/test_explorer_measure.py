from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from conftest import LinearRun, make_study

from latentspace.analysis import clustering, neighborhoods, scores
from latentspace.analysis.clustering import NOISE, Clustering
from latentspace.chapters.clusters import partitions
from latentspace.chapters.clusters.measure import Clusters
from latentspace.chapters.explorer.figures import RECIPES
from latentspace.chapters.explorer.measure import Exploration
from latentspace.chapters.maps import images as map_images
from latentspace.chapters.maps.measure import Maps
from latentspace.chapters.study import Study
from latentspace.core.pixels import to_unit_range
from latentspace.datasets import ImageDataset
from latentspace.datasets.dataset import UNLABELLED, Attributes

PAGE = RECIPES["explorer.html"]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes its time is tested elsewhere: UMAP, resampling, and all ways of clustering."""
    monkeypatch.setattr(clustering, "reduce_dimensions", lambda vectors, graph, seed: vectors)
    monkeypatch.setattr(neighborhoods, "RESAMPLES", 20)
    monkeypatch.setattr(partitions, "_compute_partitions", lambda *_: pytest.fail("takes minutes"))


def test_more_images_than_on_pictures_unless_a_number_was_chosen(
    linear_run: LinearRun, tiny: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = make_study(linear_run, tiny)
    assert study.of(Exploration).maps is study.of(Maps)
    chosen = make_study(linear_run, tiny, samples=35)
    assert chosen.of(Exploration).maps is chosen.of(Maps)
    assert len(chosen.of(Exploration).maps.errors) == 35
    monkeypatch.setattr(map_images, "DEFAULT_SAMPLES", 30)
    larger = make_study(linear_run, tiny)
    assert len(larger.of(Maps).indices) == 30
    np.testing.assert_array_equal(larger.of(Exploration).maps.indices, np.arange(60))


@pytest.mark.parametrize("split", ["test", "train", "all"])
def test_what_is_said_of_an_image_is_true(
    linear_run: LinearRun, tiny: ImageDataset, split: str
) -> None:
    chapter = make_study(linear_run, tiny, split=split, samples=50).of(Exploration)
    pixels = {False: tiny.test_pixels, True: tiny.train_pixels}
    labels = {False: tiny.test_labels, True: tiny.train_labels}
    assert set(chapter.maps.is_training) == {"test": {False}, "train": {True}}.get(
        split, {False, True}
    )
    for place, (number, trained) in enumerate(
        zip(chapter.maps.numbers, chapter.maps.is_training, strict=True)
    ):
        np.testing.assert_array_equal(chapter.maps.pixels[place], pixels[trained][number])
        assert chapter.maps.labels[place] == labels[trained][number]
    images = to_unit_range(chapter.maps.pixels)
    back = linear_run.decode(linear_run.encode(images))
    np.testing.assert_allclose(chapter.maps.errors, scores.squared_errors(images, back), rtol=1e-4)
    assert np.abs(to_unit_range(chapter.maps.reconstructed["pixels"]) - back).max() < 0.51 / 255
    for space, vectors in (("pixel", images.reshape(50, -1)), ("latent", chapter.maps.codes)):
        away = np.linalg.norm(vectors[:, np.newaxis] - vectors, axis=-1)
        np.fill_diagonal(away, np.inf)
        nearest = np.take_along_axis(away, chapter.find_neighbors(space), axis=1)
        np.testing.assert_allclose(nearest, np.sort(away, axis=1)[:, :5], rtol=1e-3)


def test_a_second_look_decodes_nothing(
    linear_run: LinearRun, tiny: ImageDataset, tmp_path: Path
) -> None:
    first, second = (make_study(linear_run, tiny, tmp_path).of(Exploration) for _ in range(2))
    assert first.clusters.names
    np.testing.assert_array_equal(first.maps.errors, second.maps.errors)
    assert linear_run.calls.count(("decode", 60)) == 1
    np.testing.assert_array_equal(first.clusters.labels, second.clusters.labels)


def test_clusters_do_not_depend_on_what_was_looked_at_before(
    linear_run: LinearRun, tiny: ImageDataset, tmp_path: Path
) -> None:
    first, second = (make_study(linear_run, tiny, tmp_path / name) for name in "ab")
    labels = np.array([2, 0, 1])[tiny.test_labels]
    found = {"labels": np.stack([labels, labels]), "uncertainty": np.zeros((2, 60))}
    clusters = second.of(Clusters)
    clusters.__dict__["found"] = {clusters.shown: found | {"seconds": np.ones(2)}}
    ours, theirs = first.of(Exploration).clusters, second.of(Exploration).clusters
    assert ours.method == theirs.method == "codes: UMAP, Gaussian mixture"
    np.testing.assert_array_equal(ours.labels, theirs.labels)
    assert sum("mostly" in name for name in ours.names) == 3
    # Numbered in the order of the classes, whatever they were called.
    assert [name.split("mostly ")[1] for name in ours.names] == list(tiny.class_names)


def test_other_clusters_are_found_quickly(linear_run: LinearRun, tiny: ImageDataset) -> None:
    clusters = make_study(linear_run, tiny, num_clusters=5).of(Exploration).clusters
    assert clusters.method == "codes: UMAP, Gaussian mixture"
    assert len(clusters.names) == 5
    assert set(clusters.labels) == set(range(5))
    assert all(" mostly " in name for name in clusters.names)


def test_without_classes_the_number_of_clusters_is_found(
    linear_run: LinearRun, tiny: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = np.repeat([NOISE, 0, 1], [5, 20, 35])
    monkeypatch.setattr(
        clustering, "cluster_hdbscan", lambda vectors: Clustering(found, np.zeros(60))
    )
    clusters = make_unlabelled(linear_run, tiny).of(Exploration).clusters
    assert clusters.method == "codes: UMAP, HDBSCAN"
    assert clusters.names == ["cluster 1", "cluster 2", "in no cluster"]
    np.testing.assert_array_equal(clusters.labels, np.repeat([2, 1, 0], [5, 20, 35]))


def test_many_images_are_clustered_without_umap(
    linear_run: LinearRun, tiny: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("latentspace.chapters.explorer.measure.MOST_ON_MANIFOLD", 59)
    monkeypatch.setattr(clustering, "reduce_dimensions", lambda *_: pytest.fail("takes minutes"))
    clusters = make_study(linear_run, tiny).of(Exploration).clusters
    assert clusters.method == "codes: Gaussian mixture"
    missing = make_unlabelled(linear_run, tiny).of(Exploration).clusters_unavailable
    assert missing == "of 60 images their number is yours to choose, by --num-clusters"


def test_the_page_says_what_is_on_it(linear_run: LinearRun, tiny: ImageDataset) -> None:
    study = make_study(linear_run, tiny, method="pca")
    drawing = PAGE.draw(study)
    assert isinstance(drawing.frames, bytes)
    page = drawing.frames.decode()
    assert page.startswith("<!DOCTYPE html>")
    assert "60 test images of bars, run linear, 8 units" in page
    assert "found without labels (codes: UMAP, Gaussian mixture)" in page
    found = study.of(Maps).score_maps(study.of(Maps).flat)["latent"]
    assert f"10-NN label accuracy {found['knn_accuracy'].value:.3f}, silhouette " in page


def test_a_page_without_classes_or_clusters_says_so(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    page = PAGE.draw(make_unlabelled(linear_run, tiny, samples=29, method="pca")).frames
    assert isinstance(page, bytes)
    assert b"There are no clusters: 29 images are too few." in page
    assert b"label accuracy" not in page


@pytest.mark.parametrize("split", ["test", "all"])
def test_columns_of_attributes_are_put_together_again(
    linear_run: LinearRun, tiny: ImageDataset, split: str
) -> None:
    rng = np.random.default_rng(0)
    names = ("pose=left", "hat", "age", "pose=up", "tag=a", "tag=b", "nowhere")

    def make(count: int) -> Attributes:
        pose = rng.integers(0, 2, count)
        columns = [pose == 0, rng.integers(0, 2, count), rng.normal(size=count), pose == 1]
        values = np.stack([*columns, np.ones(count), np.ones(count), np.zeros(count)], axis=1)
        values[::7] = np.nan
        values[:, -1] = np.nan
        return Attributes(names, values.astype(np.float32))

    train, test = make(120), make(60)
    data = dataclasses.replace(tiny, train_attributes=train, test_attributes=test)
    chapter = make_study(linear_run, data, split=split, samples=50).of(Exploration)
    words = {name: told for name, (_, told) in chapter.attributes.items()}
    yes_no = ["no", "yes"]
    assert words == {
        **{"pose": ["left", "up"], "hat": yes_no, "age": None, "tag=a": yes_no, "tag=b": yes_no}
    }
    for place, (number, trained) in enumerate(
        zip(chapter.maps.numbers, chapter.maps.is_training, strict=True)
    ):
        own = (train if trained else test).values[number]
        shown = [chapter.attributes[name][0][place] for name in ("pose", "hat", "age")]
        np.testing.assert_array_equal(shown, [own[3], own[1], own[2]])


def test_data_without_attributes_have_none(linear_run: LinearRun, tiny: ImageDataset) -> None:
    assert make_study(linear_run, tiny).of(Exploration).attributes == {}


def test_few_images_make_no_page(linear_run: LinearRun, tiny: ImageDataset) -> None:
    assert make_study(linear_run, tiny, samples=60).of(Exploration).unavailable is None
    missing = make_study(linear_run, tiny, samples=11).of(Exploration).unavailable
    assert missing is not None
    assert "11 images are no map" in missing


def make_unlabelled(run: LinearRun, data: ImageDataset, **options) -> Study:
    zeros = {
        f"{split}_labels": np.zeros_like(getattr(data, f"{split}_labels"))
        for split in ("train", "test")
    }
    fields = {name: getattr(data, name) for name in ("train_pixels", "test_pixels")}
    made = ImageDataset(name="bars", source=None, class_names=UNLABELLED, **fields, **zeros)
    return make_study(run, made, **options)


@pytest.mark.parametrize("split", ["test", "all"])
def test_copies_are_told_of_whatever_they_copy(
    linear_run: LinearRun, tiny: ImageDataset, split: str
) -> None:
    test, train = tiny.test_pixels.copy(), tiny.train_pixels.copy()
    test[7], test[9], train[5] = train[3], test[8], train[4]
    data = dataclasses.replace(tiny, test_pixels=test, train_pixels=train)
    chapter = make_study(linear_run, data, split=split, samples="all").of(Exploration)
    kinds, names = chapter.copies
    equal = kinds == names.index("equal copy")
    where = zip(chapter.maps.is_training[equal], chapter.maps.numbers[equal], strict=True)
    expected = {(False, 7), (False, 9), (True, 5)}
    assert {*where} >= {one for one in expected if split == "all" or not one[0]}
    pixels = chapter.maps.pixels[equal]
    earlier = np.concatenate([train, test])
    for (trained, number), own in zip(
        zip(chapter.maps.is_training[equal], chapter.maps.numbers[equal], strict=True),
        pixels,
        strict=True,
    ):
        place = number if trained else len(train) + number
        assert (earlier[:place] == own).all(axis=(1, 2, 3)).any()
