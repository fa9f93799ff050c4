"""Training an autoencoder: its stages, its seed."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import keras
import numpy as np

from latentspace.analysis.scores import fit_components, squared_errors
from latentspace.core.errors import InputError
from latentspace.core.pixels import Images, iterate_parts
from latentspace.models import network
from latentspace.models.network import CODE_NOISE, IMAGE, standardize_codes, start_as_pca
from latentspace.models.refinement import refine
from latentspace.models.runs import predict
from latentspace.training.checkpoint import Job, Progress, read_checkpoint
from latentspace.training.fitting import fit

if TYPE_CHECKING:
    from sklearn.decomposition import PCA

    from config import TrainConfig

REFINE_RATE_SHARE = 0.2  # of the learning rate


def train(
    job: Job, config: TrainConfig, pca: PCA | None = None
) -> tuple[keras.Model, keras.Model, Progress]:
    """Makes and trains an autoencoder, in one stage or two.

    In the first, encoder and decoder learn together what to correct of PCA (`pca` is that of the
    training images, where it is at hand). In the second the encoder learns to correct its codes by
    the gradient of the decoder as it is then, see `refine`, and the decoder to draw these better
    codes. Returns encoder and decoder, whose codes of the training images have mean 0 and standard
    deviation 1, and the progress. Raises an `InputError` where there was no epoch to keep, or
    nothing to resume.
    """
    begun = read_checkpoint(job.checkpoint)[0]["progress"] if config.resume else Progress()
    shape = job.train_images.shape[1:]
    encoder, decoder = network.build_encoder(shape, config), network.build_decoder(shape, config)
    progress = begun.rewind_to(2)
    if begun.stage < 2:
        pca = pca or fit_components(job.train_images, config.latent_dim)
        std = np.sqrt(pca.explained_variance_)
        start_as_pca(encoder, decoder, mean=pca.mean_, components=pca.components_, std=std)
        autoencoder = join_autoencoder(encoder, decoder, code_noise=config.code_noise)
        progress = fit(autoencoder, job, config)
        encoder, decoder = standardize_codes(encoder, decoder, predict(encoder, job.train_images))
        if progress.status != "complete" or not config.refine_epochs:
            return encoder, decoder, progress
    # The same corrections to begin with, whether or not the first stage was resumed.
    keras.utils.set_random_seed(config.seed)
    encoder = refine(encoder, decoder, steps=config.refine_steps, hidden_units=config.hidden_units)
    decoder = network.copy_corrections(decoder)
    epochs, rate = config.refine_epochs, REFINE_RATE_SHARE * config.learning_rate
    resumes = begun.stage == 2
    second = dataclasses.replace(config, epochs=epochs, learning_rate=rate, resume=resumes)
    autoencoder = join_autoencoder(encoder, decoder)
    progress = fit(autoencoder, job, second, progress)
    return *standardize_codes(encoder, decoder, predict(encoder, job.train_images)), progress


class RelativeNoise(keras.layers.GaussianNoise):
    """Gaussian noise of a share of what each unit varies by in a batch, while training.

    It makes near codes decode to near images, so that distances in latent space mean something
    (Poole, Sohl-Dickstein & Ganguli 2014, "Analyzing noise in autoencoders and deep networks").
    """

    def call(self, inputs: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        ops = keras.ops
        spread = ops.stop_gradient(ops.std(inputs, axis=0, keepdims=True))
        return inputs + spread * super().call(ops.zeros_like(inputs), training=training)


def join_autoencoder(
    encoder: keras.Model, decoder: keras.Model, *, code_noise: float = 0.0
) -> keras.Model:
    """The model to train, of images -> images not yet clipped; it shares the weights of both.

    While training, its layer `CODE_NOISE` adds `RelativeNoise` to the codes.
    """
    codes = RelativeNoise(code_noise, name=CODE_NOISE)(encoder.output)
    unclipped = keras.Model(decoder.input, decoder.get_layer(IMAGE).output, name=decoder.name)
    return keras.Model(encoder.input, unclipped(codes), name="autoencoder")


def measure_mean_error(decoder: keras.Model, codes: np.ndarray, images: Images) -> float:
    """Mean squared error per pixel of decoded codes (N, D) of images (N, H, W, C)."""
    total = 0.0
    for part in iterate_parts(images):
        total += squared_errors(images[part], predict(decoder, codes[part])).sum()
    return float(total / len(images))


def make_repeatable(seed: int, *, bitwise: bool) -> None:
    """Seeds Python, NumPy and the backend.

    If `bitwise`, the same machine gives the same weights bit for bit: numbers are added in a fixed
    order. Raises an `InputError` where that is asked of another backend than TensorFlow.
    """
    keras.utils.set_random_seed(seed)
    if bitwise:
        if (name := keras.backend.backend()) != "tensorflow":
            needed = "--deterministic needs KERAS_BACKEND=tensorflow"
            raise InputError(f"{needed}. Received: {name}; drop the flag")
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
