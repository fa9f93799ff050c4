"""The one error that is meant for a person, and names fit to be printed in it."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from functools import cache

LONGEST_REASON = 160  # characters


class InputError(ValueError):
    """Something that a person passed, named or stored is wrong.

    The message is one line: what was wrong, what was expected, what to do next. The scripts print
    it without a traceback; every other exception is a defect of the program and keeps its own.
    """


@cache
def warn_once(line: str) -> None:
    """Prints a line to stderr, once for all the times that there is reason to."""
    print(line, file=sys.stderr)


def to_printable(text: str, longest: int = 32) -> str:
    """A name out of a file or folder, fit to be printed: on one line, of bounded length."""
    shown = text.encode("utf-8", "replace").decode("utf-8")
    shown = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in shown)
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def format_reason(error: BaseException) -> str:
    """What an exception of a library says, fit to be printed; its kind where it says nothing."""
    return to_printable(str(error), LONGEST_REASON) or type(error).__name__


@contextlib.contextmanager
def explain_error(
    problem: str, advice: str = "", *, reason: Callable[[BaseException], str] = format_reason
) -> Iterator[None]:
    """Turns what a library raises in the block into an `InputError`: problem, reason and advice."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # libraries raise what they like, where a file is damaged
        end = f"; {advice}" if advice else ""
        raise InputError(f"{problem}: {reason(error)}{end}") from error
