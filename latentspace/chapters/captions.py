"""What captions of several chapters have in common."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from latentspace.chapters.study import Study

CAVEAT = "Distances between clusters and their sizes mean little (Wattenberg et al. 2016)."
HOLD_SECONDS = 0.6
FOLDERS = re.compile(r"(?<![^\s*])(?!class:)[^\s*]*/(?=[^\s/])")  # before the name of a file


def format_metric(words: str, value: float, form: str = ".3f") -> list[str]:
    """A number in words, for captions; none where it could not be measured."""
    return [] if math.isnan(value) else [f"{words} {value:{form}}"]


def format_model(study: Study) -> str:
    return f"{study.run.title}, {study.run.latent_dim} units"


def count_hold_frames(fps: float) -> int:
    """For how many frames an animation rests at either end."""
    return max(1, round(HOLD_SECONDS * fps))


def describe_classifier(study: Study) -> str:
    """The reference classifier, for captions, or why there is none; empty without classes."""
    found = study.trained_classifier
    if found is None:
        return ""
    if found.unfit is not None:
        return f"No reference classifier: {found.unfit}."
    low, high = found.facts["balanced_accuracy_interval"]
    return (
        "Reference classifier: trained on the real images, "
        f"{found.facts['balanced_accuracy']:.1%} right on unseen ones (balanced over classes; "
        f"{low:.1%} to {high:.1%}, guessing {found.facts['chance']:.1%})."
    )


def begin_sentence(words: str) -> str:
    """Words, such as the answer of a chapter, with a capital letter."""
    return f"{words[0].upper()}{words[1:]}"


def strip_folders(expression: str) -> str:
    """What a person wrote, image files by their names alone: where they lie is no part of it."""
    return FOLDERS.sub("", expression)
