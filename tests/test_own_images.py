"""A person's own images through both scripts, run as a person runs them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import run_script, tiny_arrays
from PIL import Image

pytestmark = pytest.mark.slow

SMALL = ("--epochs", "2", "--refine-epochs", "1", "--latent-dim", "4", "--quiet")
VISUALIZE = ("--pairs", "2", "--frames", "4", "--quiet")


def write_shapes(folder: Path, count: int = 36) -> Path:
    """Grey pictures of 22x28 pixels in three subfolders, one of which can't be read."""
    images, labels = tiny_arrays(count, seed=2)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        inner = folder / f"kind {label}"
        inner.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.repeat(2, axis=0).repeat(2, axis=1)).save(inner / f"{number}.png")
    (folder / "kind 0" / "broken.png").write_bytes(b"no image")
    return folder


def train(folder: Path, dataset: str | Path, *arguments: str) -> str:
    return run_script(
        "train_cae.py",
        *("--dataset", dataset, "--models-dir", folder / "models", *SMALL, *arguments),
        cwd=folder,
    ).stdout


def visualize(folder: Path, *arguments: str) -> str:
    return run_script(
        "visualize.py",
        *("--models-dir", folder / "models", "--outputs-dir", folder / "outputs"),
        *(*VISUALIZE, *arguments),
        cwd=folder,
    ).stdout


def test_a_folder_of_images_is_trained_on_and_looked_into(tmp_path: Path) -> None:
    write_shapes(tmp_path / "shapes")
    printed = train(tmp_path, "shapes")
    assert (
        "1 files can't be read and are skipped: kind 0/broken.png (no image that Pillow" in printed
    )
    assert "shapes, 30 to train and 6 to test, 28x22 pixels in grey, 3 classes" in printed
    facts = json.loads((tmp_path / "models" / "shapes" / "run.json").read_text())
    assert facts["dataset"]["source"] == str(tmp_path / "shapes")
    assert facts["dataset"]["reading"]["image_size"] == [28, 22]
    # From another folder, with nothing said twice; the decoded images come out of the cache.
    (tmp_path / "elsewhere").mkdir()
    printed = run_script(
        "visualize.py",
        *("--models-dir", tmp_path / "models", "--outputs-dir", tmp_path / "outputs", *VISUALIZE),
        cwd=tmp_path / "elsewhere",
        LATENTSPACE_CACHE=str(tmp_path / "cache"),
    ).stdout
    assert "6 images are no map: 12 are needed, of more --samples or of --split all" in printed
    printed = visualize(tmp_path, "--maps", "--split", "all", "--perplexity", "5")
    assert "tsne_latent.png" in printed
    assert "10-NN label accuracy" in printed
    assert len(list((tmp_path / "cache").glob("images-*.raw"))) == 1


def test_colour_images_alone_leave_out_what_needs_classes(tmp_path: Path, quick: None) -> None:
    colours = np.random.default_rng(0).random((40, 1, 1, 3))
    images = (tiny_arrays(40, seed=3)[0][..., None] * colours).astype(np.uint8)
    np.savez(tmp_path / "mine.npz", images)
    printed = train(tmp_path, tmp_path / "mine.npz", "--test-fraction", "0.4")
    assert "mine, 24 to train and 16 to test, 14x11 pixels in colour, no classes" in printed
    printed = visualize(tmp_path, "--all", "--perplexity", "4")
    for reason in (
        "overlapping_classes.png is left out: fewer than three classes",
        "class_transfer.png is left out: without two classes or more",
        "attributes.png is left out: no attribute of the images is known: name a table with",
    ):
        assert reason in printed
    assert (tmp_path / "outputs" / "mine" / "traversals.gif").exists()
    for picture in ("reconstructions", "tsne_pixel", "interpolation"):  # with images as they are
        with Image.open(tmp_path / "outputs" / "mine" / f"{picture}.png") as page:
            assert np.ptp(np.asarray(page.convert("RGB")).astype(int), axis=2).max() > 100


def test_images_are_resized_greyed_and_limited_on_demand(tmp_path: Path) -> None:
    write_shapes(tmp_path / "shapes")
    options = ("--image-size", "8", "10", "--grayscale", "--limit", "20", "--run", "few")
    printed = train(tmp_path, "shapes", *options)
    assert "images of 28x22 pixels are brought to 8x10 pixels in grey" in printed
    printed = visualize(tmp_path, "--reconstructions")
    assert "8x10 pixels in grey, 3 classes" in printed
    # Other images are brought to what the model takes.
    printed = visualize(tmp_path, "--reconstructions", "--dataset", "digits")
    assert "images of 28x28 pixels in grey are brought to 8x10 pixels in grey" in printed


def test_ten_images_are_enough(tmp_path: Path) -> None:
    np.savez(tmp_path / "ten.npz", images=tiny_arrays(10, seed=4)[0])
    train(tmp_path, tmp_path / "ten.npz")
    printed = visualize(tmp_path)
    assert "tsne_comparison.png is left out: 2 images are no map" in printed
    assert (tmp_path / "outputs" / "ten" / "interpolation.gif").exists()


def test_attributes_are_found_in_the_folder_and_come_back_with_the_run(tmp_path: Path) -> None:
    folder = write_shapes(tmp_path / "shapes")
    table = "".join(f"{k}.png,{k % 2},{'left' if k < 12 else 'up'},7\n" for k in range(30))
    (folder / "attributes.csv").write_text("file,odd,pose,same\n" + table)
    printed = train(tmp_path, "shapes")
    assert "3 classes, 3 attributes" in printed
    assert "1 columns say the same of all images, or name each: they are left out: same" in printed
    printed = visualize(tmp_path, "--reconstructions")
    assert "3 classes, 3 attributes" in printed
    (folder / "attributes.csv").write_text("file,odd\n0.png,1\n1.png,0\n2.png,1\n3.png,x\n")
    result = run_script(
        *("visualize.py", "--models-dir", tmp_path / "models", "--reconstructions"),
        cwd=tmp_path,
        code=2,
    )
    assert result.stderr.splitlines()[-1].endswith(
        "attributes.csv, line 5, column odd: expected a number, as in most lines. Received: 'x'; "
        "mend it, or leave it empty"
    )
    (folder / "attributes.csv").unlink()
    gone = "3 attributes of these images were known in training, and the table of them is gone"
    assert gone in visualize(tmp_path, "--reconstructions")
    assert gone not in visualize(tmp_path, "--reconstructions", "--attributes-file", "none")


def test_a_table_of_attributes_may_move_or_come_later(tmp_path: Path) -> None:
    write_shapes(tmp_path / "shapes")
    (tmp_path / "t.csv").write_text("id;size\n" + "".join(f"{k};{k * k}\n" for k in range(36)))
    printed = train(tmp_path, "shapes", "--attributes-file", "t.csv")
    assert "3 classes, 1 attribute\n" in printed
    (tmp_path / "t.csv").rename(tmp_path / "moved.csv")
    result = run_script(
        *("visualize.py", "--models-dir", tmp_path / "models", "--reconstructions"),
        cwd=tmp_path,
        code=2,
    )
    assert result.stderr.splitlines() == [
        f"visualize.py: error: the attributes of the run's images are no longer at "
        f"{tmp_path / 't.csv'}: pass --attributes-file with their new place, or "
        "--attributes-file none to go on without"
    ]
    assert "3 classes\n" in visualize(tmp_path, "--reconstructions", "--attributes-file", "none")
    moved = ("--reconstructions", "--attributes-file", "moved.csv")
    assert "3 classes, 1 attribute\n" in visualize(tmp_path, *moved)
    # A run that was trained without any is looked at with some.
    np.savez(tmp_path / "mine.npz", images=tiny_arrays(24, seed=4)[0])
    assert "no classes\n" in train(tmp_path, "mine.npz")
    (tmp_path / "lines.csv").write_text("odd,even\n" + "yes,no\nno,\n" * 12)
    look = ("--run", "mine", "--reconstructions")
    assert "no classes\n" in visualize(tmp_path, *look)
    printed = visualize(tmp_path, *look, "--attributes-file", "lines.csv")
    assert "no classes, 1 attribute\n" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--dataset", "nothing"],
            "expected one of mnist, fashion_mnist, cifar10, cifar100, digits",
        ),
        (["--dataset", "empty"], "holds no images"),
        (["--dataset", "digits", "--limit", "1"], "needs a training image and a test image"),
        (["--dataset", "few.npz"], "few should have at least 3 training images. Received: 2"),
        (["--dataset", "digits", "--image-size", "1", "1"], "at least 4x4 pixels. Received: 1x1"),
        (["--dataset", "digits", "--run", "a/b"], "without / in it, with no"),
        (["--dataset", "digits", "--image-size", "0", "8"], "expected a whole number of 1 or more"),
        (["--dataset", "text.npz"], "expected x_train, y_train, x_test and y_test"),
    ],
)
def test_bad_input_gets_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    np.savez(tmp_path / "text.npz", np.array(["no", "images"]))
    np.savez(tmp_path / "few.npz", tiny_arrays(3, seed=5)[0])
    (tmp_path / "empty").mkdir()
    result = run_script(
        "train_cae.py", *arguments, "--models-dir", tmp_path / "models", cwd=tmp_path, code=2
    )
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "models").exists()
