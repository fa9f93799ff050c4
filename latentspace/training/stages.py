"""Training an autoencoder: its stages, its seed, the devices that it spreads over."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from latentspace.analysis.scores import squared_errors
from latentspace.core.errors import InputError
from latentspace.core.pixels import Pixels, iterate_parts, to_unit_range
from latentspace.models.network import build_decoder, build_encoder, standardize_codes
from latentspace.models.refinement import refine
from latentspace.models.runs import predict
from latentspace.models.snapshots import Watch
from latentspace.training.checkpoint import Progress, read_checkpoint
from latentspace.training.fitting import DivergedError, Recipe, choose_batch_size, fit
from latentspace.training.recording import Recorder

REFINE_RATE_SHARE = 0.2  # of the learning rate


@dataclass(frozen=True)
class Plan:
    """What is trained, and how.

    Attributes:
        latent_dim: Units of the bottleneck.
        channels: As for `build_encoder`.
        hidden_units: As for `build_encoder`.
        code_noise: Standard deviation of the noise on the codes in the first stage, see
            `join_autoencoder`.
        recipe: Of the first stage, in which encoder and decoder learn together.
        refine_epochs: Passes of the second stage, in which the encoder learns to correct its codes
            by the gradient of the finished decoder, see `refine`; 0 leaves it out.
        refine_steps: Number of corrections.
    """

    latent_dim: int
    channels: tuple[int, ...]
    hidden_units: int
    code_noise: float
    recipe: Recipe
    refine_epochs: int
    refine_steps: int

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], num_images: int) -> Plan:
        """The plan that the settings of a run describe.

        Args:
            settings: As in run.json: the attributes of this class and of `Recipe`. Without a
                batch_size one is chosen that suits the data.
            num_images: Number of training images.
        """
        batch_size = settings["batch_size"] or choose_batch_size(num_images)
        own = {item.name for item in dataclasses.fields(cls)} - {"recipe"}
        recipe = {item.name for item in dataclasses.fields(Recipe)} - {"batch_size"}
        return cls(
            recipe=Recipe(batch_size=batch_size, **{name: settings[name] for name in recipe}),
            **{name: settings[name] for name in own},
        )


def train(
    train_pixels: Pixels,
    validation_pixels: Pixels,
    *,
    plan: Plan,
    checkpoint: Path,
    facts: dict[str, Any],
    watch: Watch | None = None,
    resume: bool = False,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: int | str = "auto",
) -> tuple[keras.Model, keras.Model, Progress]:
    """Makes and trains an autoencoder, in one stage or two.

    Args:
        train_pixels: uint8 (N, H, W, C); may lie on disk, of which a part is read at a time.
        validation_pixels: uint8 (M, H, W, C), never trained on.
        plan: What, and how.
        checkpoint: File for the state of the training; replaced after each epoch.
        facts: Kept in the checkpoint beside the state, for whoever resumes.
        watch: Validation images of which snapshots are taken on the way.
        resume: Go on from `checkpoint`, which must come from the same images and plan.
        callbacks: Watchers of the training.
        verbose: Passed to Keras: 0 silent, 1 a bar, 2 a line per epoch.

    Returns:
        The encoder, the decoder (their codes have mean 0 and standard deviation 1 over the training
        images) and the progress, whose status says how the training ended.

    Raises:
        InputError: There was no epoch to keep, or nothing to resume.
    """
    begun = read_checkpoint(checkpoint)[1] if resume else Progress()
    size: dict[str, Any] = {"channels": plan.channels, "hidden_units": plan.hidden_units}
    shape = train_pixels.shape[1:]
    encoder = build_encoder(shape, plan.latent_dim, **size, normalize=begun.stage < 2)
    decoder = build_decoder(shape, plan.latent_dim, **size)
    recorders = []
    if watch is not None:
        if not resume:
            watch.path.unlink(missing_ok=True)
        recorder = Recorder(
            watch,
            validation_pixels[watch.rows],
            latent_dim=plan.latent_dim,
            epochs=plan.recipe.epochs + plan.refine_epochs,
            batch_size=min(plan.recipe.batch_size, len(train_pixels)),
            resume=resume,
        )
        recorders.append(recorder)
    common: dict[str, Any] = {
        "checkpoint": checkpoint,
        "facts": facts,
        "callbacks": [*callbacks, *recorders],
        "verbose": verbose,
    }
    if begun.stage < 2:
        for recorder in recorders:
            recorder.use_models(encoder, decoder)
        try:
            progress = fit(
                join_autoencoder(encoder, decoder, code_noise=plan.code_noise),
                train_pixels,
                validation_pixels,
                recipe=plan.recipe,
                resume=resume,
                **common,
            )
        except DivergedError:  # there is nothing to go on with
            for path in (checkpoint, *(recorder.path for recorder in recorders)):
                path.unlink(missing_ok=True)
            raise
        encoder, decoder = standardize_codes(encoder, decoder, predict(encoder, train_pixels))
        if progress.status != "complete" or not plan.refine_epochs:
            return encoder, decoder, progress
    # The same corrections to begin with, whether or not the first stage was resumed.
    keras.utils.set_random_seed(plan.recipe.seed)
    encoder = refine(encoder, decoder, steps=plan.refine_steps, hidden_units=plan.hidden_units)
    for recorder in recorders:
        recorder.use_models(encoder, decoder)
    recipe = dataclasses.replace(
        plan.recipe,
        epochs=plan.refine_epochs,
        learning_rate=REFINE_RATE_SHARE * plan.recipe.learning_rate,
    )
    progress = fit(
        join_autoencoder(encoder, decoder),
        train_pixels,
        validation_pixels,
        recipe=recipe,
        earlier=begun.rewind_to(2) if begun.stage == 2 else progress,
        resume=begun.stage == 2,
        **common,
    )
    encoder.trainable = decoder.trainable = True  # for whoever trains them on
    return *standardize_codes(encoder, decoder, predict(encoder, train_pixels)), progress


def join_autoencoder(
    encoder: keras.Model, decoder: keras.Model, *, code_noise: float = 0.0
) -> keras.Model:
    """The autoencoder made of an encoder and a decoder, sharing their weights.

    Args:
        encoder: Model of images -> codes.
        decoder: Model of codes -> images.
        code_noise: Standard deviation of Gaussian noise on the codes while training. It makes near
            codes decode to near images, so that distances in latent space mean something (Poole,
            Sohl-Dickstein & Ganguli 2014, "Analyzing noise in autoencoders and deep networks").

    Returns:
        A model of images -> images.
    """
    codes = encoder.output
    if code_noise:
        codes = keras.layers.GaussianNoise(code_noise, name="code_noise")(codes)
    return keras.Model(encoder.input, decoder(codes), name="autoencoder")


def measure_mean_error(autoencoder: keras.Model, pixels: Pixels) -> float:
    """Mean squared error per pixel of a model of images -> images, over uint8 (N, H, W, C)."""
    total = 0.0
    for part in iterate_parts(pixels):
        images = to_unit_range(pixels[part])
        total += squared_errors(images, predict(autoencoder, images)).sum()
    return float(total / len(pixels))


def make_repeatable(seed: int, *, bitwise: bool) -> None:
    """Seeds Python, NumPy and the backend.

    Args:
        seed: The seed.
        bitwise: Make the backend add numbers in a fixed order too, so that the same machine gives
            the same weights bit for bit. TensorFlow only.

    Raises:
        InputError: `bitwise` is asked of another backend than TensorFlow.
    """
    keras.utils.set_random_seed(seed)
    if bitwise:
        if keras.backend.backend() != "tensorflow":
            raise InputError(
                f"--deterministic needs KERAS_BACKEND=tensorflow. Received: "
                f"{keras.backend.backend()}; drop the flag"
            )
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def list_devices() -> list[str]:
    """What training spreads over: every visible GPU, or else the CPU as one device."""
    if keras.backend.backend() == "torch":  # for which Keras lists none; it uses the first GPU
        import torch

        return ["gpu:0"] if torch.cuda.is_available() else ["cpu:0"]
    kinds = keras.distribution.list_devices()
    return [name for name in kinds if not name.startswith("cpu")] or ["cpu:0"]


def distribute_over(names: list[str]) -> contextlib.AbstractContextManager[object]:
    """The scope in which to build a model and fit it so that each step runs on all devices at once.

    Args:
        names: From `list_devices`. With one device the scope does nothing.

    Returns:
        A context manager; with TensorFlow that of `tf.distribute.MirroredStrategy`. Other backends
        have ways of their own (keras.distribution) and get a scope that does nothing.
    """
    if len(names) < 2 or keras.backend.backend() != "tensorflow":
        return contextlib.nullcontext()
    import tensorflow as tf

    return tf.distribute.MirroredStrategy([name.upper() for name in names]).scope()
