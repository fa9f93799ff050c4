"""Files that are whole or not there, folders that one process writes to, and no leftovers."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from latentspace.core.errors import InputError

try:
    import fcntl
except ImportError:  # Windows, where nothing is locked and leftovers stay
    fcntl = None  # type: ignore[assignment]

PARTIAL = ".partial-"  # begins the name of a file that is being written


class UnwritableError(InputError, OSError):
    """A file can't be written: no room, no permission, no folder. What was there is untouched."""


@contextlib.contextmanager
def replace_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a temporary path beside `path` and moves it onto `path` when the block succeeds.

    A reader sees the old file or the new one, never a part of either. The temporary file keeps the
    suffix of `path`, since some writers choose their format by it.

    Args:
        path: The file to write. Its folder is made where it is missing.

    Yields:
        The path to write to.

    Raises:
        UnwritableError: The folder can't be written to, or the disk is full.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with make_temporary_file(target.suffix, target.parent) as temporary:
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.chmod(0o666 & ~_read_umask())
            temporary.replace(target)
    except UnwritableError:
        raise
    except OSError as error:
        raise UnwritableError(
            f"{target} can't be written ({error.strerror or error}), and is left as it was: make "
            "room there, or name another folder"
        ) from error


@contextlib.contextmanager
def replace_files(folder: Path, names: tuple[str, ...]) -> Iterator[dict[str, Path]]:
    """Several files of a folder, as `replace_file`: none is replaced before all are written.

    Args:
        folder: Where they lie.
        names: Their names, in the order in which they are replaced.

    Yields:
        The path to write each to, by name.
    """
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(replace_file(folder / name)) for name in reversed(names)}


@contextlib.contextmanager
def make_temporary_file(suffix: str, folder: Path | None = None) -> Iterator[Path]:
    """A new empty file, gone after the block.

    Where a process is killed in between, the next one that makes such a file there removes it.

    Args:
        suffix: Of the name.
        folder: An existing folder; None takes that of the system for temporary files.

    Yields:
        Its path.
    """
    folder = folder or Path(tempfile.gettempdir())
    _sweep(folder)
    while True:
        handle, name = tempfile.mkstemp(prefix=PARTIAL, suffix=suffix, dir=folder)
        temporary = Path(name)
        try:
            with contextlib.suppress(OSError):
                _lock(handle, wait=True)
            if not temporary.exists():  # swept away before it was locked
                continue
            yield temporary
            return
        finally:
            os.close(handle)
            temporary.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes `data` to `path` atomically; raises as `replace_file`."""
    with replace_file(path) as temporary:
        temporary.write_bytes(data)


def check_folder(path: str | os.PathLike[str]) -> None:
    """Makes sure, before long work, that files can be written to a folder, without making it.

    Raises:
        InputError: The folder is none, or may not be written to.
    """
    folder = Path(path).absolute()
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    if not nearest.is_dir():
        raise InputError(
            f"expected a folder to write to. Received: {path}, but {nearest} is a file"
        )
    if not os.access(nearest, os.W_OK):
        raise InputError(f"{path} can't be written to: {nearest} is closed to you")


def check_temporary_folder() -> None:
    """Makes sure that there is a folder for temporary files, which libraries ask for.

    Raises:
        InputError: There is none that can be written to.
    """
    try:
        tempfile.gettempdir()
    except FileNotFoundError as error:
        raise InputError(
            "no folder for temporary files can be written to: name one in the environment variable "
            "TMPDIR"
        ) from error


@contextlib.contextmanager
def lock_folder(folder: Path, *, wait: bool) -> Iterator[None]:
    """Keeps a folder for this process while the block runs, so that two never mix their files.

    The lock lies on the folder itself and ends with the process, however that ends. A file system
    without locks, such as some of networks, goes without.

    Args:
        folder: Made where it is missing, and then removed where nothing has come to lie in it.
        wait: Wait until another process has done, after a line to stdout, instead of refusing.

    Raises:
        InputError: Another process writes there, or nobody can.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    handle = _try_lock_folder(folder, wait=False)
    if handle is None:
        if not wait:
            raise InputError(
                f"another process is writing to {folder}: wait until it has ended, or name another "
                "folder"
            )
        print(f"waiting: another process is writing to {folder}", flush=True)
        handle = _try_lock_folder(folder, wait=True)
    try:
        _sweep(folder)
        yield
    finally:
        with contextlib.suppress(OSError):  # one is not empty
            for place in made:
                place.rmdir()
        if handle is not None:
            os.close(handle)


def _try_lock_folder(folder: Path, *, wait: bool) -> int | None:
    """Makes, opens and locks a folder; None where another process has locked it."""
    check_folder(folder)
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(folder, os.O_RDONLY)
        except OSError as error:
            raise UnwritableError(
                f"{folder} can't be written to ({error.strerror}): name another folder"
            ) from error
        try:
            _lock(handle, wait=wait)
        except BlockingIOError:
            os.close(handle)
            return None
        except OSError:  # a file system without locks
            return handle
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), folder.stat()):
                return handle
        os.close(handle)  # whoever had locked it has removed it


def _sweep(folder: Path) -> None:
    """Removes what writers that were killed have left in a folder."""
    for leftover in folder.glob(f"{PARTIAL}*"):
        with contextlib.suppress(OSError), leftover.open("rb") as file:
            _lock(file.fileno(), wait=False)  # fails where somebody is writing it
            leftover.unlink()


def _lock(handle: int, *, wait: bool) -> None:
    """Locks an open file or folder for this process.

    Raises:
        BlockingIOError: Another process has locked it.
        OSError: Nothing can be locked there.
    """
    if fcntl is None:
        raise OSError("this system has no locks")
    fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


def _read_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
