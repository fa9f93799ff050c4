"""`--only` and lists of images, as a person uses them."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from conftest import Trained, run_script

SMALL = ("--samples", "all", "--perplexity", "5", "--quiet")


def visualize(trained: Trained, *arguments: str | Path, code: int = 0) -> tuple[str, str]:
    folders = ("--models-dir", trained.models, "--outputs-dir", trained.folder / "listed")
    result = run_script("visualize.py", *folders, *SMALL, *arguments, cwd=trained.folder, code=code)
    return result.stdout, result.stderr


@pytest.fixture
def chosen(tmp_path: Path) -> Path:
    path = tmp_path / "my choice.csv"
    lines = ["split,index,class,error", "train,3,lying,0.1", "test,50,lying,0.1", "test,50,,"]
    lines += [f"test,{index},lying,0.1" for index in range(1, 50, 2)]
    path.write_text("\n".join(lines))
    return path


def test_a_choice_has_a_folder_of_its_own(
    trained: Trained, chosen: Path, quick: None, tmp_path: Path
) -> None:
    outputs = trained.folder / "listed"
    shutil.rmtree(outputs, ignore_errors=True)
    flags = ("--reconstructions", "--maps", "--outliers", "--projector", tmp_path / "logs")
    printed, _ = visualize(trained, "--only", chosen, *flags)
    assert f"{chosen}: 1 training images are left out, only test images count\n" in printed
    assert "--only: 26 of 60 test images of bars\n" in printed
    assert [path.name for path in outputs.iterdir()] == ["bars-only-my choice"]
    folder = outputs / "bars-only-my choice"
    records = json.loads((folder / "pictures.json").read_text())["pictures"]
    for name in ("reconstructions.png", "tsne_latent.png", "outliers.png"):
        assert "26 of 60 test images" in records[name]["caption"]
        assert "--only 'my choice.csv'" in records[name]["repeat"]
    assert "26 of 60 to test" in (folder / "index.html").read_text()
    metrics = json.loads((folder / "metrics.json").read_text())
    numbers = {1 + 2 * at for at in range(25)} | {50}
    assert {line["index"] for line in metrics["outliers"]["largest_error"]} <= numbers
    table = (tmp_path / "logs" / "metadata.tsv").read_text().splitlines()[1:]
    assert {int(line.split("\t")[1]) for line in table} == numbers
    if (suspects := folder / "suspect_labels.csv").exists():
        rows = csv.DictReader(suspects.read_text().splitlines())
        assert {int(row["index"]) for row in rows if row["split"] == "test"} <= numbers
    printed, _ = visualize(trained, "--only", chosen, "--reconstructions")
    assert "unchanged" in printed


def test_lists_stand_for_their_images(
    trained: Trained, chosen: Path, quick: None, tmp_path: Path
) -> None:
    starts, ends = tmp_path / "starts.txt", tmp_path / "ends.txt"
    starts.write_text("# two\n4, 9\n")
    ends.write_text("8\n")
    flags = ("--interpolation", "--frames", "4", "--maps", "--place", starts)
    visualize(trained, *flags, "--from", starts, "--to", ends, "class:1")
    folder = trained.folder / "listed" / "bars"
    repeat = json.loads((folder / "pictures.json").read_text())["pictures"]["interpolation.png"]
    assert "--from 4 9 --to 8 class:1" in repeat["repeat"]
    placed = json.loads((folder / "metrics.json").read_text())["placing"]
    assert {name.rpartition("#")[2] for name in placed if "#" in name} == {"4)", "9)"}
    _, said = visualize(trained, "--from", starts, "--to", ends, code=2)
    assert "one image each for every path. Received: 2 and 1" in said
    _, said = visualize(trained, "--only", chosen, "--from", starts, "--to", "1", "3", code=2)
    assert "test image 4 is not among those of --only. Received: --from 4;" in said


@pytest.mark.parametrize("flag", ["--only", "--place", "--from"])
def test_a_list_that_cannot_be_read_is_one_line(
    trained: Trained, tmp_path: Path, flag: str
) -> None:
    wrong = tmp_path / "wrong.txt"
    wrong.write_text("3\n99\n")
    more = ("--to", "3") if flag == "--from" else ()
    _, said = visualize(trained, flag, wrong, *more, code=2)
    assert said == (
        f"visualize.py: error: {wrong}, line 2: bars has test images 0 to 59. Received: '99'\n"
    )


def test_a_few_images_leave_out_what_needs_more(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "few.txt").write_text("7 8")
    printed, _ = visualize(trained, "--only", tmp_path / "few.txt")
    assert "tsne_latent.png is left out: 2 images are no map" in printed
    assert (trained.folder / "listed" / "bars-only-few" / "reconstructions.png").exists()


def test_two_runs_are_compared_on_a_choice(trained: Trained, chosen: Path, quick: None) -> None:
    other = trained.models / "twin"
    shutil.copytree(trained.models / "bars", other)
    try:
        printed, _ = visualize(trained, "--run", "bars", "--run", "twin", "--only", chosen)
    finally:
        shutil.rmtree(other)
    assert "26 of 60 test images of bars; on the maps 26 test images" in printed
    assert (trained.folder / "listed" / "bars-vs-twin-only-my choice" / "metrics.json").exists()
