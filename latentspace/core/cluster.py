"""Several processes, on one machine or more, that train together: which is this, and who speaks."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass

from latentspace.core.errors import InputError

PARTS = ("JOB_ADDRESSES", "NUM_PROCESSES", "PROCESS_ID")
VARIABLES = tuple(f"KERAS_DISTRIBUTION_{part}" for part in PARTS)  # which Keras reads as well
NATIVE_STREAMS = {"stdout": 1, "stderr": 2}


@dataclass(frozen=True)
class Cluster:
    """The processes, and which of them this is."""

    address: str  # host:port of the first, where the others find it
    count: int
    number: int  # from 0

    def silence_others(self) -> None:
        """Lets none but the first print to stdout, and no native library write to it or to stderr.

        What the libraries say when another process ends is no line for a person.
        """
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for name, number in NATIVE_STREAMS.items():
            stream = getattr(sys, name)
            stream.flush()
            how = {"buffering": 1, "encoding": stream.encoding, "errors": stream.errors}
            goes_on = name == "stderr" or self.number == 0
            setattr(sys, name, os.fdopen(os.dup(number if goes_on else nowhere), "w", **how))
            os.dup2(nowhere, number)


def read_cluster() -> Cluster | None:
    """The processes that the environment names; None where this one trains alone.

    Raises an `InputError` where it names them by halves.
    """
    given = [os.environ.get(name, "") for name in VARIABLES]
    if not any(given):
        return None
    found = re.fullmatch(r"([^,\s]+:\d+)(?:,\S*)? (\d+) (\d+)", " ".join(given))
    if found is None or int(found[3]) >= int(found[2]):
        wanted = "host:port of the first process, how many there are, and from 0 which this is"
        shown = " ".join(f"{name}={value}" for name, value in zip(VARIABLES, given, strict=True))
        raise InputError(f"training together takes {wanted}. Received: {shown}; set all, or none")
    return Cluster(found[1], int(found[2]), int(found[3]))


def is_first_process() -> bool:
    """Whether this one writes the run: it trains alone, or is the first of several."""
    cluster = read_cluster()
    return cluster is None or cluster.number == 0
