"""Named data sets by the loaders of Keras."""

from __future__ import annotations

from typing import Any

from latentspace.core.provenance import silence_stderr


def download(name: str) -> Any:
    """Loads a data set with Keras: from its cache in ~/.keras, else by a download.

    Args:
        name: A module of `keras.datasets`, such as "mnist".

    Returns:
        Training images and labels, and test images and labels, as `load_data` gives them.

    Raises:
        OSError: It is neither in the cache nor to be downloaded.
    """
    with silence_stderr():
        import keras

    try:
        return getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises a bare Exception where the network is missing.
        raise OSError(str(error)) from error
