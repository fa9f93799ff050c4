"""Drawing the pictures of a study or of a comparison, and writing them to a folder."""

import dataclasses
import hashlib
import html
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from latentspace.chapters.figure import Drawing, Figure, Recipe, list_files
from latentspace.core.files import write_bytes
from latentspace.core.progress import show_running
from latentspace.core.provenance import format_now
from latentspace.drawing import media
from latentspace.drawing.layout import add_banner
from latentspace.report.making import hash_making, list_studies
from latentspace.report.records import Record, keep_records, make_record, read_records, renew_record


def find_unavailable(recipe: Recipe[Any], subject: Any) -> str | None:
    """Why a study or a comparison can't have a picture; None where it can."""
    for chapter in recipe.of:
        if (reason := subject.find_unavailable(chapter)) is not None:
            return str(reason)
    return recipe.unavailable(subject)


def _warn(drawing: Drawing, subject: Any) -> Drawing:
    runs = [study.run for study in list_studies(subject)]
    warnings = [f"{run.name}: {run.warning}" for run in runs if run.warning]
    if not warnings:
        return drawing
    said = "Not to be trusted: " + "; ".join(warnings)
    text = dataclasses.replace(drawing.text, caption=f"{said}. {drawing.text.caption}")
    frames = drawing.frames
    if isinstance(frames, bytes):
        note = f'<body>\n<p role="alert" class="warning">{html.escape(said)}</p>'
        return Drawing(frames.replace(b"<body>", note.encode(), 1), text)
    if isinstance(frames, np.ndarray):
        return Drawing(add_banner(frames, said), text)
    return Drawing(media.DrawnFrames(len(frames), lambda i: add_banner(frames[i], said)), text)


def encode(suffix: str, drawing: Drawing, subject: Any) -> tuple[Drawing, bytes]:
    """A picture and its file, of `MOST_BYTES` at most; what is given up is said in the caption."""
    warned, fps = _warn(drawing, subject), subject.settings.fps
    if isinstance(warned.frames, bytes):
        return warned, warned.frames
    most, excess = media.MOST_BYTES.get(suffix, math.inf), 0.0
    for economy in media.list_economies(suffix, warned.frames):
        if excess > economy.gain:
            continue
        written = _warn(drawing.add(economy.note), subject) if economy.note else warned
        assert not isinstance(written.frames, bytes)
        encoded = media.encode_as(suffix, written.frames, fps=fps, economy=economy)
        if len(encoded) <= most:
            break
        excess = max(excess, len(encoded) / most)
    return written, encoded


def write_figures(
    folder: Path,
    figures: Sequence[Figure],
    recipes: Mapping[str, Recipe[Any]],
    subject: Any,
    *,
    command: str,
) -> list[Figure]:
    """Draws pictures and writes each as soon as it is drawn, with its record and a line to stdout.

    A picture that would come out as it lies there is left as it is, unless `--redraw` or
    `--no-cache` was given. The folder is made where it is missing.

    `recipes` say by file how each is made; the subject is a `Study`, or a `Comparison` for its own.
    The records tell the `command` line. Those that could be made are returned.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made, settings, fps = [], subject.settings, subject.settings.fps
    suffixes = {suffix for one in figures for suffix in one.list_suffixes(settings.format)}
    if ".gif" in suffixes and fps > media.GIF_MOST_FPS:
        print(
            f"--fps {fps:g}: browsers slow down a GIF of more than {media.GIF_MOST_FPS:.0f} frames "
            "a second, so it lasts as long as all frames with some left out; --format mp4 keeps all"
        )
    known = {} if settings.redraw or settings.no_cache else read_records(folder)
    now = format_now()  # of all, so that the page tells of them in the order of the story
    renewed: dict[str, Record] = {}  # records that are still to be kept
    for figure in figures:
        recipe, name = recipes[figure.file], figure.get_file(settings.method)
        paths = list(list_files(folder, [figure], settings))
        recorded = [path for path in paths if path.name in known]
        making = hash_making(subject, recipe.of, name) if recorded else ""
        unchanged = {path for path in recorded if known[path.name].is_made_of(making)}
        if len(unchanged) < len(paths):
            if (reason := find_unavailable(recipe, subject)) is not None:
                print(f"{folder / name} is left out: {reason}")
                continue
            making = making or hash_making(subject, recipe.of, name)
            with show_running(name, quiet=settings.quiet):
                drawing = recipe.draw(subject)
        for path in paths:
            if path in unchanged:
                one = known[path.name]
                renewed[path.name] = renew_record(one, figure, subject, command=command, made=now)
                print(f"{path}  {path.stat().st_size / 1e6:.2f} MB, unchanged")
                continue
            with show_running(f"writing {path.name}", quiet=settings.quiet):
                written, encoded = encode(path.suffix, drawing, subject)
            about = make_record(figure, recipe, subject, written, command=command)
            about = dataclasses.replace(about, made=now).seal(making)
            write_bytes(path, encoded)
            digest = hashlib.sha256(encoded).hexdigest()
            keep_records(folder, {**renewed, path.name: dataclasses.replace(about, sha256=digest)})
            renewed.clear()
            print(f"{path}  {len(encoded) / 1e6:.2f} MB")
        made.append(figure)
    if renewed:
        keep_records(folder, renewed)
    return made
