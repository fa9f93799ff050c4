"""The run that comes with the project, as a fresh clone finds it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import PROJECT

from latentspace.core.pixels import to_uint8
from latentspace.core.provenance import hash_file
from latentspace.datasets import load_dataset
from latentspace.models.run_schema import DECODER, ENCODER
from latentspace.models.runs import Run, find_run

# The codes of the first 64 test images of `digits`, and what the decoder makes of them.
STORED = Path(__file__).with_name("mnist_best_of_digits.npz")


@pytest.fixture(scope="module")
def run() -> Run:
    return find_run("mnist-best", PROJECT / "models")


def test_its_files_are_those_on_record(run: Run) -> None:
    for name in (ENCODER, DECODER):
        assert hash_file(run.path / name) == run.facts["sha256"][name]


def test_it_encodes_and_decodes_as_it_did(run: Run) -> None:
    pixels = load_dataset("digits").test_pixels[:64]
    stored = np.load(STORED)
    codes = run.encode(pixels)
    np.testing.assert_allclose(codes, stored["codes"], atol=1e-3)
    images = to_uint8(run.decode(stored["codes"])).astype(int)
    assert np.abs(images - stored["images"]).max() <= 2
