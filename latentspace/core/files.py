"""Files whole or not there and no leftovers, folders of one process, links that lead outside."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filelock import lock_descriptor

from latentspace.core.errors import InputError, explain_error, to_printable

PARTIAL = ".partial-"  # begins the name of a file that is being written
LOCK = ".lock"  # is locked in a folder that somebody writes to
IS_WINDOWS = os.name == "nt"  # where a file that is open can be neither replaced nor removed


class UnwritableError(InputError, OSError):
    """A file can't be written: no room, no permission, no folder. What was there is untouched."""


@contextlib.contextmanager
def replace_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a temporary path beside `path`, of its suffix, and moves it there after the block.

    A reader sees the old file or the new one, never a part of either. The folder is made where it
    is missing. Raises an `UnwritableError` where it can't be written to, or the disk is full.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with make_temporary_file(target.suffix, target.parent) as temporary:
            yield temporary
            with temporary.open("r+b") as file:
                os.fsync(file.fileno())
            mask = os.umask(0)  # which can't be read but by setting it
            os.umask(mask)
            temporary.chmod(0o666 & ~mask)
            temporary.replace(target)
    except UnwritableError:
        raise
    except OSError as error:
        why = f"{target} can't be written ({error.strerror or error}), and is left as it was"
        raise UnwritableError(f"{why}: make room there, or name another folder") from error


@contextlib.contextmanager
def replace_files(folder: Path, names: tuple[str, ...]) -> Iterator[dict[str, Path]]:
    """Paths to write files of a folder to, by name; all are replaced when all are written."""
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(replace_file(folder / name)) for name in reversed(names)}


@contextlib.contextmanager
def make_temporary_file(suffix: str, folder: Path | None = None) -> Iterator[Path]:
    """The path of a new empty file in a folder, or the system's for such, gone after the block.

    Where a process is killed in between, the next one that makes such a file there removes it.
    """
    folder = folder or Path(tempfile.gettempdir())
    if not IS_WINDOWS:
        _sweep(folder)
    while True:
        handle, name = tempfile.mkstemp(prefix=PARTIAL, suffix=suffix, dir=folder)
        temporary = Path(name)
        try:
            if IS_WINDOWS:
                os.close(handle)
            elif not _lock(handle, wait=True) or not temporary.exists():  # swept away before
                continue
            yield temporary
            return
        finally:
            if not IS_WINDOWS:
                os.close(handle)
            temporary.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes `data` to `path` atomically; raises as `replace_file`."""
    with replace_file(path) as temporary:
        temporary.write_bytes(data)


def check_folder(path: str | os.PathLike[str]) -> None:
    """Refuses, by an `InputError`, a folder that can't be written to, without making it."""
    folder = Path(path).absolute()
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    if not nearest.is_dir():
        received = f"{path}, but {nearest} is a file"
        raise InputError(f"expected a folder to write to. Received: {received}")
    if not os.access(nearest, os.W_OK):
        raise InputError(f"{path} can't be written to: {nearest} is closed to you")


def leads_outside(path: Path, folder: Path) -> bool:
    """Whether a file found within a folder is really somewhere else."""
    # Not Path.resolve, which raises where links go round in a circle.
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def refuse_outside(path: Path, folder: Path) -> None:
    """Refuses a file found within a folder that is a link to somewhere else.

    A folder may come from anyone, with links to what its maker knows only the name of. What a
    person names may be a link, and lead anywhere. Raises an `InputError` where it leads out.
    """
    if leads_outside(path, folder):
        shown = to_printable(path.relative_to(folder).as_posix(), 80)
        raise InputError(
            f"{folder} holds {shown}, a link that leads out of it: put the file itself there"
        )


def check_temporary_folder() -> None:
    """Makes sure, by an `InputError`, that libraries find a folder for temporary files."""
    advice = "name a folder in the environment variable TMPDIR"
    with explain_error("no temporary file can be written", advice):
        tempfile.gettempdir()


@contextlib.contextmanager
def lock_folder(folder: Path, *, wait: bool) -> Iterator[None]:
    """Keeps a folder for this process while the block runs, so that two never mix their files.

    The lock ends with the process, however that ends. The folder is made where it is missing, and
    then removed where nothing has come to lie in it. With `wait` it waits until another process has
    done, after a line to stdout; else it raises an `InputError`.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    handle = _try_lock_folder(folder, wait=False)
    if handle is None:
        why = f"another process is writing to {folder}"
        if not wait:
            raise InputError(f"{why}: wait until it has ended, or name another folder")
        print(f"waiting: {why}", flush=True)
        handle = _try_lock_folder(folder, wait=True)
    try:
        _sweep(folder)
        yield
    finally:
        with contextlib.suppress(OSError):  # one is not empty
            (folder / LOCK).unlink()
            for place in made:
                place.rmdir()
        if handle is not None:
            os.close(handle)


def _try_lock_folder(folder: Path, *, wait: bool) -> int | None:
    """Makes and locks a folder; the open file that holds the lock, or None where another has it."""
    check_folder(folder)
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            try:
                handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
            except FileNotFoundError:  # whoever had locked it has removed it
                continue
        except OSError as error:
            what = f"{folder} can't be written to ({error.strerror})"
            raise UnwritableError(f"{what}: name another folder") from error
        if not _lock(handle, wait=wait):
            os.close(handle)
            return None
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), (folder / LOCK).stat()):
                return handle
        os.close(handle)  # whoever had locked it has removed it


def _sweep(folder: Path) -> None:
    for leftover in folder.glob(f"{PARTIAL}*"):
        with contextlib.suppress(OSError), leftover.open("rb") as file:
            if lock_descriptor(file.fileno(), blocking=False):  # else somebody is writing it
                leftover.unlink()


def _lock(handle: int, *, wait: bool) -> bool:
    """Locks an open file; False where another process has, True where locks are not known."""
    try:
        return lock_descriptor(handle, blocking=wait)
    except OSError:
        return True
