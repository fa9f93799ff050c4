"""A second visualization run with nothing changed, as a person makes it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROJECT, Trained

SMALL = ("--samples", "50", "--perplexity", "8", "--pairs", "3", "--frames", "6", "--fps", "10")
RUN = (
    "import runpy, sys\n"
    f"sys.path.insert(0, {str(PROJECT)!r})\n"
    "sys.argv[0] = 'visualize.py'\n"
    "try:\n"
    f"    runpy.run_path({str(PROJECT / 'visualize.py')!r}, run_name='__main__')\n"
    "finally:\n"
    "    heavy = {'tensorflow', 'keras', 'jax', 'torch', 'umap'} & set(sys.modules)\n"
    "    print('loaded', sorted(heavy), file=sys.stderr)\n"
)


def visualize(trained: Trained, outputs: Path, *arguments: str) -> tuple[str, str]:
    """What a visualization run printed, and which heavy libraries it had loaded at its end."""
    folders = ("--models-dir", str(trained.models), "--outputs-dir", str(outputs))
    result = subprocess.run(
        [sys.executable, "-c", RUN, *folders, *SMALL, "--quiet", *arguments],
        cwd=trained.folder,
        env={**os.environ, "LATENTSPACE_CACHE": str(outputs.parent / "cache")},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout, result.stderr.splitlines()[-1]


def read_all(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.slow
@pytest.mark.parametrize("flags", [(), ("--all",)])
def test_a_second_run_computes_and_draws_nothing(
    trained: Trained, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    outputs = tmp_path / "outputs"
    printed, loaded = visualize(trained, outputs, *flags)
    assert "keras" in loaded
    first = read_all(outputs / "bars")
    again, loaded = visualize(trained, outputs, *flags)
    assert loaded == "loaded []"
    assert again == re.sub(r"(\d MB)$", r"\1, unchanged", printed, flags=re.MULTILINE)
    second = read_all(outputs / "bars")
    assert {name for name in first if second[name] != first[name]} <= {"pictures.json"}
    assert set(second) == set(first)

    # Drawn again, they are the same, and all that they need is in the cache.
    redrawn, loaded = visualize(trained, outputs, *flags, "--redraw")
    assert loaded == "loaded []"
    assert redrawn == printed
    third = read_all(outputs / "bars")
    assert {name for name in first if third[name] != first[name]} <= {"pictures.json"}
