"""Scripts that are killed at random moments lose nothing, mix nothing and leave nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FAULTS = Path(__file__).with_name("faults.py")
ARGUMENTS = {"small": ("--moments", "1", "--kill-only"), "full": ()}


@pytest.mark.slow
def test_killed_scripts_leave_old_or_new_files_and_can_be_finished(budget: str) -> None:
    # In a process of its own: it forks, which TensorFlow survives only before it has computed.
    command = [sys.executable, FAULTS, *ARGUMENTS[budget]]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    print(ended.stdout)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.endswith("nothing was lost, mixed or left behind\n")
