"""Codes and maps of any program, as a person looks at them who has no model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Trained, check_refusal, run_script, visualize_own

from config import VisualizeConfig
from latentspace.chapters.maps.measure import Maps
from latentspace.chapters.study import Study, make_study
from latentspace.models import runs, sources

WITHOUT = "codes were given without the model that made them, so nothing can be decoded"


@pytest.fixture(scope="session")
def given(trained: Trained, tiny_npz: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the codes of the run, of all images and of the test images, and the images."""
    folder = tmp_path_factory.mktemp("given")
    run = runs.find_run("bars", trained.models)
    with np.load(tiny_npz) as arrays:
        np.savez(folder / "data.npz", **arrays)
        test = run.encode(arrays["x_test"][..., np.newaxis])
        train = run.encode(arrays["x_train"][..., np.newaxis])
        np.save(folder / "labels.npy", arrays["y_test"])
    np.save(folder / "test.npy", test)
    np.savez(folder / "all.npz", codes=np.concatenate([train, test]), other=test)
    np.save(folder / "some.npy", test[:41])
    (folder / "words.csv").write_text("".join(f"name{n},{n},1\n" for n in range(60)))
    return folder


def look(given: Path, **options: Any) -> Study:
    """A study as visualize.py makes it."""
    usual = {"samples": 40, "perplexity": 5.0, "quiet": True, "no_cache": True}
    settings = VisualizeConfig(**{**usual, **options})
    names = frozenset(options)
    if settings.codes is not None:
        run, data = sources.import_own_model(settings, names)
    else:
        run = runs.find_run(settings.run[0], settings.models_dir)
        data = sources.load_images(settings, names, run)
    return make_study(settings, run, data, thorough=False)


def drop_seconds(numbers: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in numbers.items() if "seconds" not in name}
    return {k: drop_seconds(v) if isinstance(v, dict) else v for k, v in kept.items()}


def read_metrics(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics.json").read_text())


@pytest.mark.parametrize("name", ["test.npy", "all.npz"])
@pytest.mark.usefixtures("quick")
def test_codes_give_the_maps_and_scores_of_their_run(
    trained: Trained, given: Path, name: str
) -> None:
    run = look(given, run=("bars",), models_dir=str(trained.models)).of(Maps)
    codes = look(given, codes=str(given / name), dataset=str(given / "data.npz")).of(Maps)
    for space, points in run.points.items():
        assert points.tobytes() == codes.points[space].tobytes()
    assert drop_seconds(codes.metrics) == drop_seconds(run.metrics)
    assert codes.rows == run.rows


@pytest.mark.usefixtures("quick")
def test_a_map_that_is_fed_back_has_the_scores_of_ours(given: Path, tmp_path: Path) -> None:
    codes = {"codes": str(given / "test.npy"), "dataset": str(given / "data.npz")}
    ours = look(given, **codes).of(Maps)
    without = drop_seconds(ours.metrics)
    latent = ours.project(ours.flat)["latent"].points
    np.save(tmp_path / "shown.npy", latent)
    every = np.zeros((60, 2), np.float32)
    every[ours.indices] = latent
    np.savetxt(tmp_path / "tests.csv", every, delimiter=",", header="x,y", comments="")
    for name, said in (("shown.npy", "40 rows: the images on"), ("tests.csv", "60 rows of 2")):
        maps = look(given, **codes, map=str(tmp_path / name)).of(Maps)
        maps.check()
        found = drop_seconds(maps.metrics)
        theirs, difference = found.pop("given"), found.pop("given_difference")
        assert found == without
        assert theirs.pop("file") == name
        assert said in theirs.pop("rows")
        assert theirs == {key: found["latent"][key] for key in theirs}
        assert len(theirs) == 10
        assert set(map(float, np.ravel(list(difference.values())[::2]))) == {0.0}
        assert all(row.baselines[name] == row.own for row in maps.rows if "before" not in row.words)


def test_the_story_of_codes_leaves_out_what_needs_a_model(given: Path, tmp_path: Path) -> None:
    arguments = ("--codes", "all.npz", "--dataset", "data.npz")
    first = visualize_own(given, tmp_path, *arguments).stdout
    assert "all.npz: 180 rows of 4 numbers: all images in order" in first
    folder = tmp_path / "all"
    assert f"{folder / 'reconstructions.png'} is left out: {WITHOUT}" in first
    assert f"{folder / 'interpolation.gif'} is left out: {WITHOUT}" in first
    made = {path.name for path in folder.glob("*.png")}
    assert made == {"tsne_pixel.png", "tsne_latent.png", "tsne_comparison.png"}
    metrics = read_metrics(folder)
    assert {name for name, value in metrics.items() if isinstance(value, dict)} == {"maps"}
    assert "mse" not in json.dumps(metrics)
    assert metrics["codes"].startswith("all.npz ")
    page = (folder / "index.html").read_text()
    assert "all.npz" in page
    assert metrics["codes"].split()[1] in page
    again = visualize_own(given, tmp_path, *arguments).stdout
    assert again.count("MB, unchanged") == 3


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_everything_that_needs_codes_alone_works(given: Path, tmp_path: Path) -> None:
    arguments = ("--codes", "all.npz", "--dataset", "data.npz")
    asked = ("--methods", "--overlap", "--clusters", "--outliers", "--explorer", "--map-films")
    visualize_own(given, tmp_path, *arguments, *asked, "--place", "3", "class:1")
    metrics = read_metrics(tmp_path / "all")
    assert "error" not in metrics["outliers"]
    assert metrics["outliers"]["auroc"] == {}
    assert metrics["outliers"]["left_out"]["letters"] == WITHOUT
    methods = metrics["clusters"]["methods"]
    assert "codes: UMAP, Gaussian mixture" in methods
    assert not [name for name in methods if "deformed" in name]
    page = (tmp_path / "all" / "explorer.html").read_text()
    assert WITHOUT in page
    assert "reconstruction</figcaption></figure>\n</div>\n<dl" not in page
    result = visualize_own(given, tmp_path, *arguments, "--latent-grid", code=2)
    assert result.stderr.endswith(f"nothing could be made for --latent-grid: {WITHOUT}\n")


def test_codes_of_tests_alone_say_what_they_lack(given: Path, tmp_path: Path) -> None:
    arguments = ("--codes", "test.npy", "--dataset", "data.npz")
    message = "only the test images have codes here: pass --codes with those of all images"
    printed = visualize_own(given, tmp_path, *arguments, "--outliers").stdout
    assert f"outliers.png is left out: {message}" in printed
    result = visualize_own(given, tmp_path, *arguments, "--maps", "--split", "all", code=2)
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.usefixtures("quick")
def test_rows_without_images_are_mapped_and_clustered(given: Path, tmp_path: Path) -> None:
    arguments = ("--codes", "test.npy", "--labels", "labels.npy")
    printed = visualize_own(given, tmp_path, *arguments, "--maps", "--clusters", "--methods").stdout
    assert "codes: test, 60 rows without images, 3 classes" in printed
    folder = tmp_path / "test"
    made = {path.name for path in folder.glob("*.png")}
    assert made == {"tsne_comparison.png", "clusters.png", "projection_methods.png"}
    metrics = read_metrics(folder)
    assert "pixel" not in json.dumps(metrics)
    assert not [name for name in metrics["clusters"]["methods"] if "codes" not in name]
    assert metrics["maps"]["latent"]["knn_accuracy"] > 0.5
    assert "without images" in (folder / "index.html").read_text()
    for asked in ("--explorer", "--outliers", "--overlap"):
        result = visualize_own(given, tmp_path, *arguments, asked, code=2)
        assert "there are no images here: pass --dataset" in result.stderr
    plain = visualize_own(given, tmp_path, *arguments[:2], "--maps", "--no-labels").stdout
    assert "60 rows without images, no classes" in plain


@pytest.mark.usefixtures("quick")
def test_codes_are_compared_with_a_run_of_the_same_images(
    trained: Trained, given: Path, tmp_path: Path
) -> None:
    both = ("--models-dir", trained.models, "--outputs-dir", tmp_path, "--quiet")
    small = ("--samples", "40", "--perplexity", "5")
    np.save(tmp_path / "bars.npy", np.load(given / "test.npy"))
    own = ("--run", "bars", "--codes", tmp_path / "bars.npy", *small)
    # Both maps are shortened alike; in the cache of all the run's may lie whole.
    place = {"cwd": trained.folder, "LATENTSPACE_CACHE": str(tmp_path / "cache")}
    result = run_script("visualize.py", *both, *own, **place)
    folder = tmp_path / "bars-vs-bars-codes"
    assert f"{folder / 'comparison.png'} is left out: {WITHOUT}" in result.stdout
    measures = read_metrics(folder)["measures"]
    assert not {name for name in measures if "mse" in name or "ssim" in name}
    assert measures["knn_accuracy"]["A"] == measures["knn_accuracy"]["B"]
    assert measures["bytes"]["B"] is None
    run_script("visualize.py", *both, *own, "--explorer", **place)
    assert "network of A alone" in (folder / "explorer.html").read_text()
    assert "--run bars --codes bars.npy" in (folder / "index.html").read_text()


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ("--codes some.npy", "41 rows, and data has 60 test images, 180 images in all"),
        (
            "--codes test.npy --encoder e.keras",
            "--codes stands in place of a model: leave out --enc",
        ),
        ("--codes words.csv", "words.csv has words in its first column"),
        ("--codes test.npy --place data.npz", "and no image file encoded"),
        ("--codes test.npy --map test.npy", "should be a flat map, (N, 2). Received: 4 columns"),
        ("--codes all.npz --projector logs --run a --run b", "compared with one run"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_line(
    given: Path, tmp_path: Path, own: str, message: str
) -> None:
    check_refusal(given, tmp_path, own.split(), message)


def test_a_map_of_other_images_is_refused(given: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "map.npy", np.zeros((50, 2)))
    own = ["--codes", "test.npy", "--map", str(tmp_path / "map.npy")]
    check_refusal(given, tmp_path, own, "50 rows, and data has 40 images on the maps, 60 test")


def test_without_images_nothing_says_how_they_are_read(given: Path, tmp_path: Path) -> None:
    result = visualize_own(given, tmp_path, "--codes", "test.npy", "--limit", "5", code=2)
    assert "codes without images have no use for --limit: pass --dataset" in result.stderr


def test_the_board_has_codes_without_errors(given: Path, tmp_path: Path) -> None:
    own = ("--codes", "test.npy", "--projector", str(tmp_path / "logs"))
    visualize_own(given, tmp_path, *own, "--dataset", "data.npz")
    table = (tmp_path / "logs" / "metadata.tsv").read_text()
    assert table.startswith("image\tindex\tlabel\tsplit\n")
    result = visualize_own(given, tmp_path, *own, code=2)
    assert "nothing could be written for --projector: there are no images" in result.stderr
