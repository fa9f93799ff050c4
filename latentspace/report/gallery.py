"""Drawing the pictures of a study or of a comparison, and writing them to a folder."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from latentspace.chapters import Figure
from latentspace.core.files import write_bytes
from latentspace.report.records import keep_records, make_record


def list_files(
    folder: Path, figures: Sequence[Figure], *, method: str, animation: str
) -> Iterator[Path]:
    """The files that pictures are written to.

    Args:
        folder: Where they are to lie.
        figures: The pictures.
        method: How maps are made, one of `projection.METHODS`; they are named after it.
        animation: What animations are written as: "gif", "mp4" or "both".
    """
    for figure in figures:
        for suffix in figure.list_suffixes(animation):
            yield (folder / figure.get_file(method)).with_suffix(suffix)


def write_figures(
    folder: Path,
    figures: Sequence[Figure],
    subject: Any,
    *,
    fps: float,
    method: str,
    animation: str,
    command: str,
) -> list[Figure]:
    """Draws pictures and writes each as soon as it is drawn, with its record and a line to stdout.

    Args:
        folder: Where to write; made where it is missing.
        figures: The pictures.
        subject: What they are of: a `Study`, or a `Comparison` for its own.
        fps: Frames per second of animations.
        method: As for `list_files`.
        animation: As for `list_files`.
        command: The command line, for the records.

    Returns:
        Those that could be made.
    """
    from latentspace.drawing.media import encode_as, get_frame_size

    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for figure in figures:
        if (reason := figure.unavailable(subject)) is not None:
            print(f"{folder / figure.get_file(method)} is left out: {reason}")
            continue
        arguments = figure.arguments(subject, fps)
        drawn = figure.draw(arguments)
        size = None if isinstance(drawn, bytes) else get_frame_size(drawn)
        about = make_record(figure, subject, arguments, size=size, command=command)
        for path in list_files(folder, [figure], method=method, animation=animation):
            encoded = drawn if isinstance(drawn, bytes) else encode_as(path.suffix, drawn, fps=fps)
            write_bytes(path, encoded)
            digest = hashlib.sha256(encoded).hexdigest()
            keep_records(folder, {path.name: dataclasses.replace(about, sha256=digest)})
            print(f"{path}  {len(encoded) / 1e6:.2f} MB")
        made.append(figure)
    return made
