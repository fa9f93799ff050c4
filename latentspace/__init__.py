"""Train a convolutional autoencoder and look into its latent space.

The five names are for notebooks, see docs/notebook.md; nothing else of the package is promised.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latentspace.notebook import InputError, Study, load_images, open_run, study

__all__ = ["InputError", "Study", "load_images", "open_run", "study"]


def __getattr__(name: str) -> Any:
    """The names above, imported when they are first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from latentspace import notebook

    return getattr(notebook, name)
