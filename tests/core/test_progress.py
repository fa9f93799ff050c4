"""Bars on a terminal, a line now and then elsewhere, nothing where quiet is asked for."""

from __future__ import annotations

import io
import time

import pytest

from latentspace.core import progress


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "DELAY_SECONDS", 0.0)
    monkeypatch.setattr(progress, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(progress, "LOG_SECONDS", 0.25)
    monkeypatch.setattr(progress._Lines, "said", 0.0)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.usefixtures("no_waiting")
def test_a_log_file_gets_few_lines_that_name_all_that_runs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with (
        progress.show_running("curve.png", quiet=False),
        progress.make_bar("decoding images", 200, quiet=False) as bar,
    ):
        for _ in range(80):
            bar.update()
            time.sleep(0.01)
    printed = capsys.readouterr()
    lines = printed.err.splitlines()
    assert printed.out == ""
    assert 1 <= len(lines) <= 4
    assert all(line.startswith("curve.png after 00:0") for line in lines)
    assert "decoding images" in lines[0]
    assert "%" in lines[0]
    assert not progress._Lines.running


@pytest.mark.usefixtures("no_waiting")
def test_what_is_quick_says_nothing_in_a_log_file(capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(5):
        with progress.make_bar(f"step {number}", 10, quiet=False) as bar:
            bar.update(10)
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("no_waiting")
def test_a_terminal_shows_a_clock_and_clears_it(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with progress.show_running("curve.png", quiet=False):
        time.sleep(0.3)
    shown = terminal.getvalue()
    assert "curve.png 00:00" in shown
    assert shown.endswith("\r")
    assert "\n" not in shown


@pytest.mark.usefixtures("no_waiting")
def test_quiet_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> None:
        with (
            progress.show_running("curve.png", quiet=True),
            progress.make_bar("decoding images", 20, quiet=True) as bar,
        ):
            for _ in range(20):
                bar.update()
                time.sleep(0.02)

    work()
    assert capsys.readouterr().err == ""
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    work()
    assert terminal.getvalue() == ""


@pytest.mark.usefixtures("no_waiting")
def test_an_error_ends_what_runs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError), progress.show_running("curve.png", quiet=False):
        raise KeyError
    time.sleep(0.3)
    assert capsys.readouterr().err == ""
    assert not progress._Lines.running
