"""Links: what is found within a folder may not lead out of it."""

import os
from pathlib import Path

from latentspace.core.errors import InputError, to_printable


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
