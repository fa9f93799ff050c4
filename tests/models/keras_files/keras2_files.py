"""Writes models of Keras 2, and what they make of one batch, into a folder; run as a process."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras
from tf_keras import layers


def conv() -> tf_keras.Model:
    images = tf_keras.Input((8, 8, 1))
    x = layers.Conv2D(3, 3, 2, padding="same", activation=tf.nn.relu)(images)
    x = layers.LeakyReLU(0.1)(layers.BatchNormalization(name="block/norm")(x))
    codes = layers.Dense(4, kernel_regularizer="l2", name="codes")(layers.Flatten()(x))
    x = layers.Reshape((4, 4, 3))(layers.ThresholdedReLU(0.01)(layers.Dense(48)(codes)))
    x = layers.Dropout(0.1)(layers.PReLU()(x))
    x = layers.Conv2DTranspose(3, 3, 2, padding="same", activation=layers.LeakyReLU(0.3))(x)
    x = layers.DepthwiseConv2D(3, padding="same")(layers.SeparableConv2D(2, 3, padding="same")(x))
    return tf_keras.Model(images, layers.Conv2D(1, 3, padding="same", activation="sigmoid")(x))


def sequential() -> tf_keras.Model:
    return tf_keras.Sequential(
        [
            layers.Conv2D(2, 3, padding="same", input_shape=(8, 8, 1)),
            layers.MaxPooling2D(),
            *(layers.Flatten(), layers.Dense(4), layers.Dense(16), layers.Reshape((4, 4, 1))),
            *(layers.UpSampling2D(), layers.Conv2DTranspose(1, 3, padding="same")),
        ]
    )


def nested() -> tf_keras.Model:
    images, codes = tf_keras.Input((8, 8, 1)), tf_keras.Input((4,))
    x = layers.BatchNormalization()(layers.Flatten()(images))
    encoder = tf_keras.Model(images, [layers.Dense(4)(x), layers.Dense(4)(x)], name="encoder")
    x = layers.BatchNormalization()(layers.Dense(64)(codes))
    decoder = tf_keras.Model(codes, layers.Reshape((8, 8, 1))(x), name="decoder")
    encoder.trainable = decoder.layers[2].trainable = False
    shared = tf_keras.Sequential([tf_keras.Input((4,)), layers.Dense(4, "tanh")], name="shared")
    source = tf_keras.Input((8, 8, 1))
    mean, spread = encoder(source)
    return tf_keras.Model(source, decoder(layers.Add()([shared(shared(mean)), spread])))


def functions() -> tf_keras.Model:
    images = tf_keras.Input((8, 8, 1))
    x = tf.nn.relu(layers.Dense(6)(layers.Flatten()(1 - images / 255.0 * 2)))
    codes = tf.clip_by_value(tf.concat([x[:, 1:5], tf.square(x)], axis=-1), -3, 3)
    y = layers.Dense(64)(codes)
    model = tf_keras.Model(images, tf.reshape(tf.sigmoid(y), [-1, 8, 8, 1]))
    model.add_loss(tf.reduce_mean(tf.square(codes)))
    return model


def recurrent() -> tf_keras.Model:
    images = tf_keras.Input((8, 8, 1))
    scale = layers.Normalization()
    scale.adapt(np.random.default_rng(0).random((20, 8, 8, 1)))
    x = layers.Reshape((8, 8))(scale(images))
    x = layers.Bidirectional(layers.GRU(4, return_sequences=True))(x)
    x = layers.MultiHeadAttention(2, 4)(x, x)
    x = layers.TimeDistributed(layers.Dense(4))(layers.LSTM(8, return_sequences=True)(x))
    x = layers.LayerNormalization()(layers.Dense(4, dtype="mixed_float16")(layers.Flatten()(x)))
    return tf_keras.Model(images, layers.Reshape((8, 8, 1))(layers.Dense(64)(x)))


def with_lambda() -> tf_keras.Model:
    model = tf_keras.Sequential([tf_keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(4)])
    model.add(layers.Lambda(lambda x: 2 * x, name="double"))
    return model


def with_noise() -> tf_keras.Model:
    images = tf_keras.Input((8, 8, 1))
    x = layers.Dense(4)(layers.Flatten()(images))
    return tf_keras.Model(images, x + tf.random.normal(tf.shape(x)))


def with_own_layer() -> tf_keras.Model:
    class Halving(layers.Layer):
        def call(self, x: tf.Tensor) -> tf.Tensor:
            return x / 2

    return tf_keras.Sequential([tf_keras.Input((8, 8, 1)), Halving(), layers.Dense(1)])


def with_hard_sigmoid() -> tf_keras.Model:
    return tf_keras.Sequential([tf_keras.Input((8, 8, 1)), layers.Dense(1, "hard_sigmoid")])


def with_time_first() -> tf_keras.Model:
    images = tf_keras.Input((8, 8, 1))
    return tf_keras.Model(images, layers.GRU(2, time_major=True)(layers.Reshape((8, 8))(images)))


READ = (conv, sequential, nested, functions, recurrent)
REFUSED = (with_lambda, with_noise, with_own_layer, with_hard_sigmoid, with_time_first)


def main(folder: Path) -> None:
    rng = np.random.default_rng(0)
    batch = rng.random((3, 8, 8, 1)).astype(np.float32)
    made = {"batch": batch}
    for build in (*READ, *REFUSED):
        model = build()
        for layer in model.layers:  # nothing is as a new model has it
            if not isinstance(layer, layers.Normalization):
                new = [value + rng.uniform(0, 0.2, value.shape) for value in layer.get_weights()]
                layer.set_weights(new)
        model.compile("adam", "mse")
        name = build.__name__
        model.save(folder / f"{name}.keras")
        model.save(folder / f"{name}.h5")
        model.save_weights(folder / f"{name}.weights.h5")
        model.save_weights(folder / f"{name}_only.h5")
        (folder / f"{name}.json").write_text(model.to_json())
        if build in READ:
            made[name] = model(batch).numpy()
    np.savez(folder / "made.npz", **made)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(Path(sys.argv[1]))
