"""The names that notebooks have, and every cell of docs/notebook.md."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import PROJECT, Trained, run_script
from PIL import Image

import latentspace
from latentspace import notebook
from latentspace.core.errors import InputError

CELLS = re.findall(r"```python\n(.*?)```", (PROJECT / "docs" / "notebook.md").read_text(), re.S)


@pytest.fixture
def run(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> notebook.Run:
    monkeypatch.setenv("LATENTSPACE_CACHE", str(trained.folder / "cache"))
    return latentspace.open_run("bars", str(trained.models))


@pytest.fixture
def study(run: notebook.Run) -> latentspace.Study:
    return latentspace.study(run, frames=3, pairs=2, samples=40, perplexity=5)


def test_the_cells_of_the_page_run_one_after_the_other(
    run: notebook.Run, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = notebook._make_settings

    def make_small(**given: object) -> object:
        small = {"models_dir": str(trained.models), "perplexity": 5.0}
        return settings(**{"samples": 40, **given, **small})

    monkeypatch.setattr(notebook, "_make_settings", make_small)
    names: dict[str, object] = {}
    for cell in CELLS:
        exec(compile(cell.replace("mnist-best", "bars"), "cell", "exec"), names)
    data, codes, images = (names[name] for name in ("data", "codes", "images"))
    assert isinstance(codes, np.ndarray)
    assert codes.shape == (min(100, len(data.test_pixels)), run.latent_dim)  # type: ignore[attr-defined]
    assert images.shape == (len(codes), *run.image_shape)  # type: ignore[attr-defined]
    assert names["maps"]["points"]["latent"].shape == (40, 2)  # type: ignore[index]
    np.testing.assert_array_equal(codes, run.encode(data.test_images[:100]))  # type: ignore[attr-defined]


def test_the_names_are_those_that_are_promised() -> None:
    assert latentspace.__all__ == ["InputError", "Study", "load_images", "open_run", "study"]
    for name in latentspace.__all__:
        assert getattr(latentspace, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        latentspace.other  # noqa: B018


def test_to_import_the_package_loads_nothing() -> None:
    program = "import sys, latentspace; print({'numpy', 'keras', 'config'} & set(sys.modules))"
    command = [sys.executable, "-c", program]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT)
    assert said.stdout == "set()\n"


def test_pictures_animations_and_pages_show_themselves(study: latentspace.Study) -> None:
    still = study.show("reconstructions")
    assert isinstance(still, Image.Image)
    assert still.format == "PNG"
    moving = study.show("interpolation.gif")
    assert isinstance(moving, notebook.Shown)
    assert repr(moving) == "Shown(suffix='.gif')"  # kept in the notebook beside the animation
    found = re.search(r'src="data:image/gif;base64,([^"]*)"', moving._repr_html_())
    assert found is not None
    assert base64.b64decode(found[1]) == moving.data
    assert moving.data.startswith(b"GIF8")
    page = study.show("--explorer")
    assert isinstance(page, notebook.Shown)
    assert page._repr_html_().startswith('<iframe srcdoc="&lt;!DOCTYPE html')
    assert b'id="latent"' in page.data


def test_a_picture_is_the_file_of_the_script(
    study: latentspace.Study, trained: Trained, tmp_path: Path
) -> None:
    flags = ("--frames", "3", "--pairs", "2", "--samples", "40", "--perplexity", "5")
    where = ("--models-dir", trained.models, "--outputs-dir", tmp_path)
    run_script("visualize.py", "--interpolation", *where, *flags, "--quiet", cwd=trained.folder)
    shown = study.show("interpolation.gif")
    assert isinstance(shown, notebook.Shown)
    assert shown.data == (tmp_path / "bars" / "interpolation.gif").read_bytes()


def test_every_picture_has_a_name_that_finds_it(study: latentspace.Study) -> None:
    for name in study.pictures:
        assert study._find(name)[0].file == name
    asked = ("interpolation", "compression", "--maps", "maps", "tsne_latent")
    found = [study._find(name)[0].file for name in asked]
    tsne = ["tsne_pixel.png", "tsne_pixel.png", "tsne_latent.png"]
    assert found == ["interpolation.png", "compression.png", *tsne]


def test_numbers_and_arrays_belong_together(study: latentspace.Study) -> None:
    numbers, arrays = study.metrics("reconstruction"), study.arrays("reconstructions")
    assert numbers["test_mse"] == pytest.approx(arrays["by_image"]["mse"].mean(), rel=1e-6)
    assert study.metrics("reconstructions") == numbers
    assert set(study.arrays("maps")) >= {"points", "codes", "labels", "images", "numbers"}


def test_arrays_of_a_person_are_split_or_taken_as_they_are_split(
    run: notebook.Run, trained: Trained
) -> None:
    data = latentspace.load_images(run)
    own = latentspace.study(run, (data.train_pixels, data.test_images[:]), samples=20)
    assert own._study.data.hash != data.hash  # they have no labels
    np.testing.assert_array_equal(own._study.data.test_pixels, data.test_pixels)
    both = [data.train_labels, data.test_labels]
    named = latentspace.study(run, [data.train_pixels, data.test_pixels], both)
    np.testing.assert_array_equal(named._study.data.test_labels, data.test_labels)
    whole = latentspace.study(run, data.train_pixels, data.train_labels)
    assert len(whole._study.data.test_pixels) == pytest.approx(len(data.train_pixels) / 5, abs=2)


def test_what_can_not_be_done_is_said(run: notebook.Run, study: latentspace.Study) -> None:
    for wrong, said in (
        (lambda: study.show("holograms"), "no picture 'holograms': expected one of reconst"),
        (lambda: study.metrics("holograms"), "no picture 'holograms'"),
        (lambda: study.show("place"), "place is left out"),
        (lambda: latentspace.study(run, sampels=3), "no setting 'sampels': expected one of"),
        (lambda: latentspace.study(run, samples=4_000), "Received: --samples 4000"),
        (lambda: latentspace.study(run, np.zeros((4, 5))), "images"),
        (lambda: latentspace.open_run("none", "nowhere"), "no run 'none'"),
    ):
        with pytest.raises(InputError) as caught:
            wrong()
        assert said in str(caught.value)
