"""The page that visualize.py leaves, run as a person runs it."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

from conftest import Page, Trained, run_script

from latentspace.chapters import COMPARED

VISUALIZE = ("--samples", "50", "--perplexity", "8", "--quiet")


def visualize(trained: Trained, outputs: Path, *arguments: str, **environment: str) -> list[str]:
    """Lines that visualize.py prints."""
    places = ("--models-dir", trained.models, "--outputs-dir", outputs)
    result = run_script(
        "visualize.py", *places, *VISUALIZE, *arguments, cwd=trained.folder, **environment
    )
    assert result.stderr == ""
    return result.stdout.splitlines()


def test_the_page_shows_pictures_of_all_runs_and_is_named_last(
    trained: Trained, tmp_path: Path
) -> None:
    page = tmp_path / "bars" / "index.html"
    assert visualize(trained, tmp_path, "--reconstructions")[-1] == str(page)
    assert Page(page).shown == ["reconstructions.png", "learning_curve.png"]
    lines = visualize(trained, tmp_path, "--maps", "--format", "mp4", "--map-films")
    assert lines[-1] == str(page)
    read = Page(page)
    maps = ["tsne_pixel.png", "tsne_latent.png", "tsne_comparison.png"]
    films = ["tsne_pixel.mp4", "tsne_latent.mp4", "tsne_optimization.mp4"]
    assert read.shown == ["reconstructions.png", "learning_curve.png", *maps, *films]
    assert read.texts("p", class_="reason") == []
    records = json.loads((tmp_path / "bars" / "pictures.json").read_text())["pictures"]
    assert set(records) == set(read.shown)
    assert records["tsne_pixel.png"]["caption"] in read.text
    for record in records.values():  # each picture is shown without title and caption
        top, bottom = record["body"]
        assert 0 < top < bottom < record["size"][1]
    command = shlex.split(records["tsne_pixel.mp4"]["command"])
    assert command[:2] == ["python", "visualize.py"]
    assert command[-4:] == ["--maps", "--format", "mp4", "--map-films"]
    assert read.texts("th", scope="rowgroup") == ["Reconstruct", "Map"]

    visualize(trained, tmp_path, "--maps", "--samples", "40", "--method", "pca")
    stale = Page(page).texts("p", class_="reason")
    reason = "newer pictures of this part were made with another --samples"
    assert stale == [f"Out of date: {reason}"] * len([*maps, *films])


def test_the_page_is_opened_in_the_browser(trained: Trained, tmp_path: Path) -> None:
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\necho "$1" > {shlex.quote(str(opened))}\n')
    browser.chmod(0o755)
    outputs = tmp_path / "out puts"
    arguments = ("--reconstructions", "--open")
    lines = visualize(trained, outputs, *arguments, BROWSER=str(browser))
    assert opened.read_text().strip() == (outputs / "bars" / "index.html").as_uri()
    assert lines[-1] == str(outputs / "bars" / "index.html")


def test_two_runs_have_a_page_of_their_own(trained: Trained, tmp_path: Path) -> None:
    for name in ("bars", "b#r's"):
        shutil.copytree(trained.models / "bars", tmp_path / "models" / name)
    places = ("--models-dir", tmp_path / "models", "--outputs-dir", tmp_path)
    runs = ("--run", "bars", "--run", "b#r's", "--samples", "50", "--perplexity", "8", "--quiet")
    result = run_script("visualize.py", *places, *runs, cwd=tmp_path)
    page = tmp_path / "bars-vs-b#r's" / "index.html"
    assert result.stdout.splitlines()[-1] == str(page)
    read = Page(page)
    assert read.texts("h1") == ["bars against b#r's"]
    assert read.texts("h2") == ["Side by side", "Scores", "How it was made"]
    assert read.shown == [figure.file for figure in COMPARED.figures if figure.in_story]
    written = json.loads((page.parent / "metrics.json").read_text())
    assert (written["maps"]["samples"], written["maps"]["perplexity"]) == (50, 8)
    table = (page.parent / "comparison.csv").read_text().splitlines()
    assert read.texts("th", scope="col")[:4] == ["measure", "A: bars", "B: b#r's", "B - A"]
    told = [line for line in table[1:] if not line.startswith("seconds of training,")]
    assert len(told) == len(table) - 2
    assert len(read.all("th", scope="row")) == len(told)
    assert read.texts("h3")[2:4] == ["A: bars", "B: b#r's"]
