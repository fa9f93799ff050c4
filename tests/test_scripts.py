"""Both scripts, run as a person runs them, in a temporary folder."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import PROJECT, Trained, run_script
from PIL import Image

from latentspace.chapters import COMPARED, FIGURES
from latentspace.core.provenance import hash_file
from latentspace.datasets import load_dataset
from latentspace.models.run_schema import (
    DECODER,
    DENSITY,
    ENCODER,
    FACTS,
    HISTORY,
    KEPT_CODES,
    PARTIAL_SNAPSHOTS,
    SNAPSHOTS,
)
from latentspace.models.runs import find_run

SMALL_VISUALIZE = (
    "--samples",
    "50",
    "--perplexity",
    "8",
    "--pairs",
    "3",
    "--frames",
    "6",
    "--fps",
    "10",
)


BESIDE = ("index.html", "metrics.json", "pictures.json")  # pictures
# Of class_transfer.png, attributes.png and attributes.gif; of overlapping_classes.png.
MISSING = ("two classes or more there is nothing to tell apart", "fewer than three classes")

TOO_FEW = "training_map.gif"  # six images are held back


def visualize(trained: Trained, outputs: Path, *arguments: str, code: int = 0):
    return run_script(
        "visualize.py",
        *("--models-dir", trained.models, "--outputs-dir", outputs, *SMALL_VISUALIZE, *arguments),
        cwd=trained.folder,
        code=code,
    )


@pytest.fixture(scope="module")
def story(trained: Trained) -> subprocess.CompletedProcess[str]:
    """The whole story, told once, in outputs/."""
    return visualize(trained, trained.folder / "outputs")


def test_training_leaves_a_whole_run(trained: Trained, tiny_npz: Path) -> None:
    folder = trained.models / "bars"
    files = [ENCODER, DECODER, FACTS, HISTORY, SNAPSHOTS, DENSITY, KEPT_CODES]
    assert sorted(os.listdir(folder)) == sorted(files)
    run = find_run("bars", trained.models)
    data = load_dataset(str(tiny_npz), None)
    kept = run.read_kept("codes.npz")
    assert kept is not None
    for split in ("train", "test"):  # what the run would give, had nobody kept it
        np.testing.assert_array_equal(kept[split], run.encode(getattr(data, f"{split}_pixels")))
    with np.load(folder / DENSITY) as density:
        assert density["weights"].sum() == pytest.approx(1)
        assert density["means"].shape[1] == density["covariances"].shape[2]
    facts = json.loads((folder / FACTS).read_text())
    assert facts["status"] == "complete"
    assert (facts["dataset"]["name"], facts["image_shape"], facts["latent_dim"]) == (
        "bars",
        [14, 11, 1],
        4,
    )
    assert facts["settings"]["epochs"] == 3
    assert facts["epochs"] == 4
    assert facts["sha256"][ENCODER] == hash_file(folder / ENCODER)
    assert len((folder / HISTORY).read_text().splitlines()) == 5
    scores = facts["scores"]
    assert set(scores) == {"train_mse", "validation_mse", "test_mse", "pca_mse"}
    assert f"{scores['test_mse']:.5f} test" in trained.output


@pytest.mark.slow
def test_the_quick_preset_learns_digits(tmp_path: Path) -> None:
    run_script(
        *("train_cae.py", "--dataset", "digits", "--preset", "quick", "--run", "small", "--quiet"),
        *("--models-dir", tmp_path),
        cwd=tmp_path,
    )
    run = json.loads((tmp_path / "small" / FACTS).read_text())
    # One run ended at 0.00352.
    assert run["scores"]["test_mse"] < 0.0045


def test_reported_test_error_is_that_of_the_saved_models(trained: Trained, tiny_npz: Path) -> None:
    folder = trained.models / "bars"
    encoder, decoder = (keras.models.load_model(folder / name) for name in (ENCODER, DECODER))
    images = np.load(tiny_npz)["x_test"][..., None].astype(np.float32) / 255
    codes = encoder.predict(images, verbose=0)
    error = np.mean((decoder.predict(codes, verbose=0) - images) ** 2)
    facts = json.loads((folder / FACTS).read_text())
    assert facts["scores"]["test_mse"] == pytest.approx(error, rel=1e-4)


def test_the_story_writes_every_picture_and_prints_it(
    trained: Trained, story: subprocess.CompletedProcess[str]
) -> None:
    folder = trained.folder / "outputs" / "bars"
    files = [f.file for f in FIGURES if f.in_story and f.dims in (None, 2) and f.file != TOO_FEW]
    assert f"{TOO_FEW} is left out: 6 images are no map" in story.stdout
    assert sorted(os.listdir(folder)) == sorted([*files, *BESIDE])
    for file in files:
        with Image.open(folder / file) as image:
            image.load()
            assert min(image.size) > 100
        assert f"{folder / file}  " in story.stdout
    assert story.stderr == ""


def test_metrics_have_the_promised_names(
    trained: Trained, story: subprocess.CompletedProcess[str]
) -> None:
    metrics = json.loads((trained.folder / "outputs" / "bars" / "metrics.json").read_text())
    pairs = {f"{who}_{of}" for who in ("test", "pca") for of in ("mse", "ssim", "detail")}
    assert set(metrics["reconstruction"]) == {"train_mse", *pairs, "rows"}
    for space in ("pixel", "latent"):
        assert metrics["maps"][space]["samples"] == 50
        assert 0 < metrics["maps"][space]["knn_accuracy"] <= 1
    facts = json.loads((trained.models / "bars" / FACTS).read_text())
    assert metrics["reconstruction"]["test_mse"] == pytest.approx(facts["scores"]["test_mse"])


def test_animations_play_as_asked(
    trained: Trained, story: subprocess.CompletedProcess[str]
) -> None:
    data = (trained.folder / "outputs" / "bars" / "interpolation.gif").read_bytes()
    image = Image.open(io.BytesIO(data))
    durations = []
    for index in range(image.n_frames):
        image.seek(index)
        durations.append(image.info["duration"])
    # 10 frames a second: each end is held for 0.6 s, the 4 frames between are shown twice.
    assert durations == [600, 100, 100, 100, 100, 600, 100, 100, 100, 100]


def test_second_look_takes_projections_from_the_cache(
    trained: Trained, story: subprocess.CompletedProcess[str], tmp_path: Path
) -> None:
    visualize(trained, tmp_path, "--maps")
    first = json.loads((trained.folder / "outputs" / "bars" / "metrics.json").read_text())
    second = json.loads((tmp_path / "bars" / "metrics.json").read_text())
    assert second["maps"] == first["maps"]  # the seconds among them
    for file in ("tsne_pixel.png", "tsne_comparison.png"):
        assert hash_file(tmp_path / "bars" / file) == hash_file(
            trained.folder / "outputs" / "bars" / file
        )
    assert not (tmp_path / "bars" / "arithmetic.png").exists()


def test_maps_in_space_by_another_method_of_both_splits(trained: Trained, tmp_path: Path) -> None:
    result = visualize(
        trained, tmp_path, "--maps", "--dims", "3", "--method", "pca", "--split", "all"
    )
    assert sorted(os.listdir(tmp_path / "bars")) == sorted([*BESIDE, "pca_3d.gif", "pca_3d.png"])
    maps = json.loads((tmp_path / "bars" / "metrics.json").read_text())["maps"]
    assert (maps["method"], maps["dims"], maps["split"]) == ("pca", 3, "all")
    assert "perplexity" not in maps["pixel"]
    assert re.match(
        r"maps: .* denser .*: silhouette .* 95% interval", result.stdout.splitlines()[-2]
    )
    films = visualize(trained, tmp_path, "--map-films", "--method", "pca", code=2)
    assert "nothing could be made for --map-films: only t-SNE" in films.stderr
    assert films.stdout.count("only t-SNE is optimised step by step") == 3


@pytest.mark.slow
def test_without_cache_everything_is_computed_afresh_and_nothing_kept(
    trained: Trained, tmp_path: Path, quick: None
) -> None:
    cache = {"LATENTSPACE_CACHE": str(tmp_path / "cache")}
    run_script(
        *("visualize.py", "--models-dir", trained.models, "--outputs-dir", tmp_path / "outputs"),
        *(*SMALL_VISUALIZE, "--maps", "--samples", "all", "--no-cache", "--quiet"),
        cwd=trained.folder,
        **cache,
    )
    assert not (tmp_path / "cache").exists()
    maps = json.loads((tmp_path / "outputs" / "bars" / "metrics.json").read_text())["maps"]
    assert maps["pixel"]["samples"] == 60


@pytest.mark.slow
def test_expression_and_chosen_pair(trained: Trained, tmp_path: Path) -> None:
    result = visualize(
        trained,
        tmp_path,
        *("--arithmetic", "--expression", "3 - class:1 + 0.5*class:0"),
        *("--interpolation", "--from", "4", "--to", "11"),
    )
    asked = [f.file for f in FIGURES if f.flag in ("--arithmetic", "--interpolation")]
    assert sorted(os.listdir(tmp_path / "bars")) == sorted([*asked, *BESIDE])
    assert "arithmetic.png" in result.stdout


@pytest.mark.slow
def test_every_picture_is_made_and_animations_in_the_format_asked_for(
    trained: Trained, tmp_path: Path, quick: None
) -> None:
    own = tmp_path / "own.png"
    Image.fromarray(np.eye(30, dtype=np.uint8) * 255).save(own)
    visualize(
        trained,
        tmp_path,
        *("--all", "--format", "both", "--path", "spherical", "--axes", "units"),
        *("--from", "class:1", own, "--to", "3", "4", "--expression", f"{own} + 0.5*slant"),
        *("--place", own, "5"),
    )
    # What strokes are like is neither had nor lacked.
    files = {figure.file for figure in FIGURES} - {TOO_FEW, "analogy.png"}
    files |= {file.replace(".gif", ".mp4") for file in files}
    tables = {figure.table for figure in FIGURES if figure.table}
    assert tables == {"duplicates.csv", "suspect_labels.csv"}
    assert set(os.listdir(tmp_path / "bars")) == {*files, *tables, *BESIDE}
    text = (tmp_path / "bars" / "metrics.json").read_text()
    metrics = json.loads(text, parse_constant=pytest.fail)
    classifier = json.loads((trained.models / "classifiers" / "bars.json").read_text())
    assert {"schema_version": 2, **metrics["classifier"]} == {**classifier, "unfit": None}
    assert set(metrics["placing"]) == {"own.png", "2 (#5)", "rows"}
    assert set(metrics["methods"]) >= {"pca", "ica", "tsne"}
    assert metrics["overlap"]["images"] == 50
    assert set(metrics["interpolation"]) == {
        *("pixels", "linear", "spherical", "data", "real_images", "rows")
    }
    assert len(metrics["traversals"]["unit_deviations"]) == 4


def test_without_labels_to_tell_apart_what_needs_them_is_left_out(
    trained: Trained, tiny_npz: Path, tmp_path: Path
) -> None:
    arrays = dict(np.load(tiny_npz))
    for split in ("train", "test"):
        arrays[f"y_{split}"] = np.zeros_like(arrays[f"y_{split}"])
    np.savez(tmp_path / "bars.npz", **arrays)
    result = visualize(
        trained,
        tmp_path,
        *("--maps", "--overlap", "--interpolation", "--arithmetic", "--attributes"),
        *("--dataset", str(tmp_path / "bars.npz")),
        code=2,  # the rest is made, and the last line says why nothing is of these
    )
    assert "nothing could be made for --overlap: fewer than three classes" in result.stderr
    left_out = [line for line in result.stdout.splitlines() if "left out" in line]
    assert [sum(reason in line for line in left_out) for reason in MISSING] == [1, 1]
    # The tour of one class leads nowhere, and strokes are neither had nor lacked.
    assert len(left_out) == 4
    assert "maps: " not in result.stdout
    metrics = json.loads((tmp_path / "bars" / "metrics.json").read_text())
    assert "classifier" not in metrics
    assert "confidence" not in metrics["interpolation"]["data"]


def test_list_and_dry_run_make_nothing(trained: Trained, tmp_path: Path) -> None:
    listed = visualize(trained, tmp_path, "--list").stdout.splitlines()
    assert len(listed) == len(FIGURES) + len(COMPARED.figures)
    planned = visualize(trained, tmp_path, "--dry-run", "--all").stdout
    made = [figure.file for figure in FIGURES if figure.flag != "--place"]
    assert [line.split("/")[-1] for line in planned.splitlines() if "/bars/" in line] == made
    run_script("train_cae.py", "--dry-run", "--models-dir", tmp_path / "models", cwd=tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--run", "nope"], "no run 'nope'"),
        (["--samples", "0"], "whole number of 1 or more"),
        (["--samples", "61"], "60 test images"),
        (["--samples", "some"], "a whole number of 1 or more, or all"),
        (["--split", "train", "--samples", "121"], "120 training images"),
        (["--method", "lda"], "invalid choice: 'lda'"),
        (["--dims", "4"], "invalid choice: 4"),
        (["--place", "nope.png"], "Received: --place nope.png"),
        (["--samples", "13"], "perplexity of at most 4"),
        (["--from", "3"], "--from and --to go together"),
        (["--from", "3", "4", "--to", "5"], "Received: 2 and 1"),
        (["--from", "class:9", "--to", "5"], "classes 0, 1, 2"),
        (["--from", "no.png", "--to", "5"], "an image file. Received: --from no.png"),
        (["--path", "round"], "invalid choice: 'round'"),
        (["--from", "3", "--to", "60"], "0 to 59"),
        (["--expression", "3 - "], "at character 3"),
        (["--dataset", "nope"], "no data set 'nope'"),
        (["--image-size", "9", "9"], "shape (14, 11, 1). Received: (9, 9, 1)"),
        (["--frames", "1"], "--frames 1"),
    ],
)
def test_bad_input_to_visualize_gets_one_line(
    trained: Trained, tmp_path: Path, arguments: list[str], message: str
) -> None:
    result = visualize(trained, tmp_path / "outputs", *arguments, code=2)
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert not (tmp_path / "outputs").exists()


def test_damaged_run_gets_one_line(trained: Trained, tmp_path: Path) -> None:
    shutil.copytree(trained.models / "bars", tmp_path / "bars")
    data = (tmp_path / "bars" / DECODER).read_bytes()
    (tmp_path / "bars" / DECODER).write_bytes(data[: len(data) // 2])
    result = visualize(trained, tmp_path / "o", "--models-dir", str(tmp_path), code=2)
    assert "SHA-256 differs" in result.stderr
    assert result.stderr.count("\n") == 1


def test_outputs_that_cannot_be_written_get_one_line(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "outputs").write_text("a file where a folder should be")
    result = visualize(trained, tmp_path / "outputs", "--reconstructions", code=2)
    assert result.stderr.count("\n") == 1
    assert str(tmp_path / "outputs") in result.stderr


@pytest.fixture(scope="module")
def pair(trained: Trained, tiny_npz: Path) -> Path:
    """A folder of runs of its own: bars, and few, trained with two units on the same images."""
    models = trained.folder / "pair"
    shutil.copytree(trained.models / "bars", models / "bars")
    run_script(
        *("train_cae.py", "--dataset", tiny_npz, "--models-dir", models, "--run", "few"),
        *("--epochs", "1", "--refine-epochs", "0", "--latent-dim", "2", "--quiet"),
        cwd=trained.folder,
    )
    return models


def compare(trained: Trained, pair: Path, outputs: Path, *arguments: str, code: int = 0):
    return run_script(
        *("visualize.py", "--models-dir", pair, "--outputs-dir", outputs),
        *("--perplexity", "8", "--quiet", *arguments),
        cwd=trained.folder,
        code=code,
    )


def test_two_runs_are_compared(trained: Trained, pair: Path, tmp_path: Path) -> None:
    result = compare(trained, pair, tmp_path, "--run", "bars", "--run", "few", "--samples", "50")
    folder = tmp_path / "bars-vs-few"
    files = [figure.file for figure in COMPARED.figures if figure.in_story]
    assert sorted(os.listdir(folder)) == sorted([*files, "comparison.csv", *BESIDE])
    for file in files:
        with Image.open(folder / file) as image:
            image.load()
            assert min(image.size) > 400
    metrics = json.loads((folder / "metrics.json").read_text(), parse_constant=pytest.fail)
    assert metrics["images"] == "60 test images of bars; on the maps 50 test images"
    measures = metrics["measures"]
    for letter, name in (("A", "bars"), ("B", "few")):
        facts = json.loads((pair / name / FACTS).read_text())
        assert metrics["runs"][letter]["run"] == name
        assert measures["test_mse"][letter] == pytest.approx(facts["scores"]["test_mse"])
        assert measures["train_mse"][letter] == facts["scores"]["train_mse"]
        assert measures["latent_dim"][letter] == facts["latent_dim"]
        linear = measures["test_mse"]["baselines"][f"PCA {facts['latent_dim']}"]
        assert linear == pytest.approx(facts["scores"]["pca_mse"])
        sizes = [(pair / name / file).stat().st_size for file in (ENCODER, DECODER)]
        assert measures["bytes"][letter] == sum(sizes)
    assert measures["test_mse"]["better"] == "A"
    table = (folder / "comparison.csv").read_text().splitlines()
    assert table[0].startswith("measure,A: bars,B: few,B - A,low,high,better,pixels,PCA 2,PCA 4")
    assert len(table) == 1 + len(measures)
    lines = result.stdout.splitlines()
    for row in table[1:]:
        assert any(line.startswith(row.split(",")[0]) for line in lines)
    assert lines[-2].startswith("A (bars) has learned more by mean squared test error (0.")
    assert result.stderr == ""

    again = compare(trained, pair, tmp_path, "--run", "bars", "--run", "few", "--samples", "50")
    assert again.stdout == result.stdout.replace(" MB\n", " MB, unchanged\n")


def test_a_comparison_of_other_images_without_classes_says_so(
    trained: Trained, pair: Path, tiny_npz: Path, tmp_path: Path
) -> None:
    arrays = dict(np.load(tiny_npz))
    for split in ("train", "test"):
        arrays[f"y_{split}"] = np.zeros_like(arrays[f"y_{split}"])
    np.savez(tmp_path / "plain.npz", **arrays)
    result = compare(
        *(trained, pair, tmp_path / "o", "--run", "few", "--run", "bars", "--method", "pca"),
        *("--dataset", str(tmp_path / "plain.npz"), "--no-cache", "--seed", "1"),
    )
    assert "A: few was, by its record, not trained on these images of plain." in result.stdout
    assert "Measures of classes are left out" in result.stdout
    assert "accuracy" not in result.stdout
    metrics = json.loads((tmp_path / "o" / "few-vs-bars" / "metrics.json").read_text())
    assert len(metrics["notes"]) == 3
    assert metrics["measures"]["train_mse"]["A"] is None
    assert metrics["maps"]["method"] == "pca"


def test_a_planned_comparison_makes_nothing(trained: Trained, pair: Path, tmp_path: Path) -> None:
    both = (trained, pair, tmp_path, "--run", "bars", "--run", "few")
    planned = compare(*both, "--dry-run").stdout
    assert [line.split("/")[-1] for line in planned.splitlines() if "/bars-vs-few/" in line] == [
        figure.file for figure in COMPARED.figures if figure.in_story
    ]
    paged = compare(*both, "--explorer", "--frames", "9", "--dry-run").stdout
    assert [line.split("/")[-1] for line in paged.splitlines() if "/bars-vs-few/" in line] == [
        "explorer.html"
    ]
    assert os.listdir(tmp_path) == []


def test_two_runs_share_a_page(trained: Trained, pair: Path, tmp_path: Path) -> None:
    both = (trained, pair, tmp_path, "--run", "bars", "--run", "few", "--samples", "50")
    result = compare(*both, "--explorer")
    folder = tmp_path / "bars-vs-few"
    page, index = folder / "explorer.html", folder / "index.html"
    assert sorted(os.listdir(folder)) == ["explorer.html", "index.html", "pictures.json"]
    assert result.stdout.splitlines()[-1] == str(index)
    assert '"run": "few"' in page.read_text()
    assert "comparison.png" not in index.read_text()
    assert "--run bars --run few --explorer --samples 50" in index.read_text()
    compare(*both)
    kept = page.read_bytes()
    again = compare(*both, "--explorer")
    assert f"{page}  " in again.stdout
    assert "MB, unchanged\n" in again.stdout
    assert "A (bars) has learned more" in again.stdout
    assert page.read_bytes() == kept
    assert "Out of date" not in index.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["few", "few"], "two runs of different names. Received: few twice"),
        (["few", "bars", "few"], "two runs can be compared. Received: --run 3 times"),
        (["few", "nope"], "no run 'nope'"),
        (["few", "bars", "--interpolation", "--from", "3", "--to", "4"], "--from, --interpolation"),
        (["few", "bars", "--explorer", "--clusters"], "without --clusters: leave it out"),
        (["few", "bars", "--frames", "9"], "without --frames"),
        (["few", "bars", "--all"], "without --all: leave it out, or pass --run once"),
        (["few", "bars", "--dims", "3"], "without --dims"),
        (["few", "bars", "--samples", "61"], "60 test images"),
        (["few", "bars", "--image-size", "9", "9"], "shape (14, 11, 1). Received: (9, 9, 1)"),
        (["few", str(PROJECT / "models" / "mnist-best")], "mnist-best for (28, 28, 1)"),
    ],
)
def test_bad_input_to_a_comparison_gets_one_line(
    trained: Trained, pair: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    flags = [part for name in arguments for part in ("--run", name)]
    at = next((n for n, text in enumerate(arguments) if text.startswith("--")), len(arguments))
    result = compare(trained, pair, tmp_path / "outputs", *flags[: 2 * at], *arguments[at:], code=2)
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert not (tmp_path / "outputs").exists()


def train(trained: Trained, tiny_npz: Path, *arguments: str, code: int = 0):
    return run_script(
        "train_cae.py",
        *("--dataset", tiny_npz, "--models-dir", trained.models, "--quiet", *arguments),
        cwd=trained.folder,
        code=code,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "pass --resume to go on where it was stopped, --overwrite to replace it"),
        (["--run", "bars", "--resume"], "is finished"),
        (["--run", "other", "--resume"], "does not exist"),
        (["--dataset", "nope"], "no data set 'nope'"),
        (["--data-dir", "nope", "--dataset", "mnist"], "no data folder 'nope'"),
    ],
)
def test_bad_input_to_train_gets_one_line(
    trained: Trained, tiny_npz: Path, arguments: list[str], message: str
) -> None:
    before = hash_file(trained.models / "bars" / FACTS)
    result = train(trained, tiny_npz, *arguments, code=2)
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert hash_file(trained.models / "bars" / FACTS) == before


def start_training(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Begins a training in the background and waits until an epoch has been finished."""
    kept = folder / "bars" / PARTIAL_SNAPSHOTS
    before = kept.stat().st_mtime_ns if kept.exists() else None
    command = [sys.executable, str(PROJECT / "train_cae.py"), "--run", "bars", "--quiet"]
    command += ["--models-dir", str(folder), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not kept.exists() or kept.stat().st_mtime_ns == before:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


@pytest.mark.slow
def test_ctrl_c_keeps_a_run_that_is_refused_then_resumed(tiny_npz: Path, tmp_path: Path) -> None:
    settings = ("--dataset", str(tiny_npz), "--latent-dim", "4", "--epochs", "2000")
    process = start_training(tmp_path, *settings)
    again = ("train_cae.py", "--dataset", tiny_npz, "--run", "bars", "--models-dir", tmp_path)
    second = run_script(*again, "--overwrite", cwd=tmp_path, code=2)
    assert f"another process is writing to {tmp_path / 'bars'}: wait" in second.stderr
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0
    facts = json.loads((tmp_path / "bars" / FACTS).read_text())
    assert facts["status"] == "interrupted"
    assert 1 <= facts["epochs"] < 2000

    assert "--resume" in run_script(*again, cwd=tmp_path, code=2).stderr
    go_on = ("train_cae.py", "--run", "bars", "--resume", "--models-dir", tmp_path)
    other = run_script(*go_on, "--epochs", "7", cwd=tmp_path, code=2)
    assert "begun with epochs = 2000. Received: 7" in other.stderr
    other = run_script(*go_on, "--dataset", "digits", cwd=tmp_path, code=2)
    assert "begun with other images" in other.stderr
    process = start_training(tmp_path, "--resume")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    assert json.loads((tmp_path / "bars" / FACTS).read_text())["epochs"] > facts["epochs"]


@pytest.mark.slow
def test_killed_training_resumes_to_the_very_files_of_an_uninterrupted_one(
    tiny_npz: Path, tmp_path: Path
) -> None:
    settings = ("--dataset", str(tiny_npz), "--latent-dim", "4", "--epochs", "40")
    settings += ("--refine-epochs", "2", "--deterministic")
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = start_training(killed, *settings)
    process.kill()
    assert process.wait(timeout=60) == -signal.SIGKILL
    assert not (killed / "bars" / FACTS).exists()
    refused = run_script("visualize.py", "--run", killed / "bars", cwd=tmp_path, code=2)
    assert "unfinished training" in refused.stderr

    common = ("train_cae.py", "--run", "bars", "--quiet", "--models-dir")
    run_script(*common, killed, "--resume", cwd=tmp_path)
    run_script(*common, whole, *settings, cwd=tmp_path)
    histories = [read_losses(folder / "bars" / HISTORY) for folder in (killed, whole)]
    assert len(histories[0]) == 42
    assert histories[0] == histories[1]
    for name in (ENCODER, DECODER, SNAPSHOTS):
        assert hash_file(killed / "bars" / name) == hash_file(whole / "bars" / name)


def read_losses(path: Path) -> list[str]:
    """The rows of a history without their last column, the seconds."""
    return [line.rsplit(",", 1)[0] for line in path.read_text().splitlines()[1:]]
