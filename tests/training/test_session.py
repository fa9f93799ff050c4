from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from config import PRESETS, TrainConfig
from latentspace.datasets import ImageDataset, augmentation, avatars
from latentspace.models.runs import Run
from latentspace.training import session


@pytest.mark.parametrize(
    ("shape", "count", "units"),
    [
        ((28, 28, 1), 57_000, 32),
        ((8, 8, 1), 1_365, 32),
        ((64, 64, 1), 10_000, 64),
        ((32, 32, 3), 19_000, 64),
        ((105, 105, 1), 19_000, 128),
        ((92, 112, 1), 340, 32),
        ((256, 256, 3), 1_400, 32),
        ((256, 256, 3), 10**6, 256),
    ],
)
def test_units_grow_with_the_images(shape: tuple[int, ...], count: int, units: int) -> None:
    assert session.choose_latent_dim(TrainConfig(), int(np.prod(shape)), count) == units


def test_the_data_decides_what_nobody_asked_for(
    tiny: ImageDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    config = TrainConfig(**PRESETS["default"])
    fitted = np.arange(100)
    chosen = session.choose_settings(config, frozenset(), tiny, fitted)
    assert (chosen.epochs, chosen.refine_epochs) == (334, 63)
    assert (chosen.latent_dim, chosen.learning_rate) == (32, config.learning_rate / 4)
    said = capsys.readouterr().out
    assert "100 images are few: 334 + 63 epochs" in said
    given = frozenset({"epochs", "latent_dim", "learning_rate"})
    assert session.choose_settings(config, given, tiny, fitted) == dataclasses.replace(
        config, aligned=chosen.aligned, mirrored=chosen.mirrored
    )


def test_of_many_images_that_look_like_no_others_deformed_none_is_deformed(
    tiny: ImageDataset, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = avatars.draw(avatars.choose_factors(3_000))
    labels = np.zeros(3_000, np.int64)
    data = ImageDataset("faces", None, pixels, pixels, labels, labels, ("one",))
    config = TrainConfig(**PRESETS["default"])

    def choose(data: ImageDataset) -> float:
        count = len(data.train_pixels)
        return session.choose_settings(config, frozenset(), data, np.arange(count)).augment

    assert choose(data) == 0
    assert "none is deformed while it trains" in capsys.readouterr().out
    assert choose(tiny) == config.augment
    monkeypatch.setattr(augmentation, "MANY_IMAGES", 3_001)  # of few images
    assert choose(data) == config.augment


def test_photographs_are_told_from_digits(capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (60, 16, 16, 3), np.uint8)
    data = ImageDataset(
        name="noise",
        source=None,
        train_pixels=pixels,
        test_pixels=pixels[:5],
        train_labels=np.zeros(60, np.int64),
        test_labels=np.zeros(5, np.int64),
        class_names=("one",),
    )
    chosen = session.choose_settings(TrainConfig(), frozenset(), data, np.arange(60))
    assert (chosen.aligned, chosen.mirrored) == (False, True)
    said = capsys.readouterr().out
    assert "mirrored images look alike" in said
    assert "no dense layers" in said


def test_the_outcome_names_the_components_that_were_compared() -> None:
    config = TrainConfig(latent_dim=32)
    chosen = dataclasses.replace(config, latent_dim=64)  # by the data
    scores = {"train_mse": 0.01, "validation_mse": 0.011, "test_mse": 0.012, "pca_mse": 0.013}
    about = {"status": "complete", "epochs": 3, "best_epoch": 0, "scores": scores}
    facts = {**about, "settings": chosen.of_model, "latent_dim": chosen.latent_dim}
    said = session.describe_outcome(Run(Path("faces"), facts), config, frozenset())
    assert said[0] == "no epoch was better than PCA, which is kept"
    assert said[1].endswith("0.01000 train, 0.01200 test; PCA with 64 components 0.01300 test")
    assert said[2] == "next: python visualize.py --run faces"
