from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Killed, LinearRun, kill_at, make_study

from latentspace.chapters import FIGURES, Figure
from latentspace.chapters.study import Study
from latentspace.core.files import PARTIAL
from latentspace.datasets import ImageDataset
from latentspace.report import gallery
from latentspace.report.records import RECORDS, read_records


def draw(figure: Figure, arguments: Mapping[str, Any]) -> np.ndarray:
    """Stands in for a picture: it tells what it was drawn from, and takes no time."""
    return np.full((4, 4, 3), zlib.crc32(repr(arguments).encode()) % 251, np.uint8)


DRAWN = [
    figure
    for figure in FIGURES
    if figure.file in ("reconstructions.png", "traversals.png", "samples.png")
]


def write_pictures(folder: Path, study: Study, command: str) -> None:
    gallery.write_figures(
        folder, DRAWN, study, fps=20, method="tsne", animation="gif", command=command
    )


def read_contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_look_that_is_killed_leaves_whole_pictures_and_no_record_that_is_wrong(
    linear_run: LinearRun, tiny: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Figure, "draw", draw)
    first, second = (make_study(linear_run, tiny, axes=axes) for axes in ("principal", "units"))
    write_pictures(tmp_path / "old", first, "old")
    write_pictures(tmp_path / "new", second, "new")
    known = {name: read_contents(tmp_path / name) for name in ("old", "new")}
    pictures = set(known["old"]) - {RECORDS}
    changed = {name for name in pictures if known["old"][name] != known["new"][name]}
    assert changed
    calls = 0
    while True:
        folder = tmp_path / str(calls)
        shutil.copytree(tmp_path / "old", folder)
        with monkeypatch.context() as patch:
            kill_at(patch, calls)
            try:
                write_pictures(folder, second, "new")
                break
            except Killed:
                pass
        calls += 1
        for name in pictures:
            assert (folder / name).read_bytes() in (known["old"][name], known["new"][name])
        for name, one in read_records(folder).items():
            assert name not in changed or known[one.command][name] == read_contents(folder)[name]
        write_pictures(folder, second, "new")
        assert {name: data for name, data in read_contents(folder).items() if name != RECORDS} == {
            name: data for name, data in known["new"].items() if name != RECORDS
        }
        assert not [name for name in os.listdir(folder) if name.startswith(PARTIAL)]
    assert calls > 3 * len(pictures)
