"""Every command of README.md and docs/, run on small settings; every picture they show is there."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from conftest import PROJECT, measure_few

import train_cae
import visualize
from latentspace.chapters import FLAGS

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("pages")]  # they share a run

PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
TEXTS = {page: page.read_text() for page in PAGES}
BLOCKS = [
    block for text in TEXTS.values() for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
]
COMMANDS = list(
    dict.fromkeys(
        line.split("  #")[0].strip()
        for block in BLOCKS
        for line in block.replace("\\\n", " ").splitlines()
        if re.match(r"python (train_cae|visualize)\.py", line)
    )
)

WRITTEN_TO = ("--tensorboard", "--projector")  # folders, here in a temporary one


def choose_real() -> set[str]:
    """The first command of each script and each picture: these run, the others are only planned."""
    known: set[str] = set()
    chosen = set()
    for command in COMMANDS:
        _, script, *arguments = shlex.split(command)
        flags = {script, *({*FLAGS, "--place", *WRITTEN_TO} & set(arguments))}
        if not flags <= known:
            chosen.add(command)
        known |= flags
    return chosen


REAL = choose_real()
RUNS = ("small", "other")
SMALL = {
    "train_cae.py": "--dataset digits --limit 400 --epochs 1 --quiet --models-dir {models}",
    "visualize.py": "--samples 80 --perplexity 5 --quiet --models-dir {models} "
    "--outputs-dir {outputs}",
}
OF_ONE_RUN = ("--pairs", "2", "--frames", "4")
# See test_own_model.py and test_own_codes.py.
OWN_MODEL = ("--autoencoder", "--encoder", "--model-code", "--codes")
WITHOUT_NUMBERS = ("--list", "--dry-run", "--projector", *OWN_MODEL)


def on_small_runs(arguments: list[str]) -> list[str]:
    """The arguments, with the runs that they name, or the last one, replaced by small ones."""
    places = [at + 1 for at, argument in enumerate(arguments) if argument == "--run"]
    names = dict(zip(places, RUNS, strict=False))
    named = [names.get(at, argument) for at, argument in enumerate(arguments)]
    if any(flag in arguments for flag in OWN_MODEL):
        return [*named, "--dry-run"]
    if not places:
        return [*arguments, "--run", RUNS[0], *OF_ONE_RUN]
    return named if len(places) > 1 else [*named, *OF_ONE_RUN]


def is_planned(command: str) -> bool:
    """Whether a command of the pages is only planned: nothing in it is new, or all are made."""
    return command in COMMANDS and (command not in REAL or "--all" in command)


def run(command: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = SMALL[shlex.split(command)[1]]
    extra = small.format(models=folder / "models", outputs=folder / "outputs")
    _, script, *arguments = shlex.split(f"{command} {extra}")
    for at, argument in enumerate(arguments):
        if argument in WRITTEN_TO:
            arguments[at + 1] = str(folder / arguments[at + 1])
    if script == "visualize.py":
        arguments = on_small_runs(arguments)
    if is_planned(command):
        arguments.append("--dry-run")
    monkeypatch.setattr(sys, "argv", [script, *arguments])
    monkeypatch.setenv("LATENTSPACE_CACHE", str(folder / "cache"))
    measure_few(monkeypatch)
    {"train_cae.py": train_cae, "visualize.py": visualize}[script].main()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("readme")
    with pytest.MonkeyPatch.context() as patch:
        run(f"python train_cae.py --run {RUNS[0]}", path, patch)
    shutil.copytree(path / "models" / RUNS[0], path / "models" / RUNS[1])
    return path


def test_there_are_commands_of_both_scripts() -> None:
    assert {shlex.split(command)[1] for command in COMMANDS} == set(SMALL)


@pytest.mark.parametrize("command", [c for c in COMMANDS if "train_cae.py" in c])
def test_training_commands_run(
    command: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "--resume" in command or "--overwrite" in command:
        pytest.skip("needs a run that was stopped; see test_scripts.py")
    run(command, tmp_path, monkeypatch)
    planned = "--dry-run" in command or is_planned(command)
    assert list((tmp_path / "models").glob("*/run.json")) or planned


@pytest.mark.parametrize("command", [c for c in COMMANDS if "visualize.py" in c])
def test_visualization_commands_run(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(command, folder, monkeypatch)
    printed = capsys.readouterr().out
    assert re.search(r"\.(png|html)\b", printed)
    without = bool(set(WITHOUT_NUMBERS) & set(shlex.split(command)))
    without |= command.count("--run") == 2 and "--explorer" in command  # a page of two, alone
    if not is_planned(command) and not without:
        assert "metrics.json" in printed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pictures_pages_and_sections_that_are_linked_exist(page: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", TEXTS[page]):
        if "://" in link:
            continue
        place, _, section = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), link
        if section:
            headings = re.findall(r"(?m)^#+ (.*)$", target.read_text())
            anchors = [re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings]
            assert section in anchors, link


def test_readme_is_short_and_shows_pictures() -> None:
    text = TEXTS[PROJECT / "README.md"]
    assert len(text.splitlines()) <= 250
    assert text.count("](outputs/gallery/") >= 8


def test_install_and_test_commands_are_the_promised_ones() -> None:
    text = "\n".join(BLOCKS)
    assert "pip install -r requirements.txt && python train_cae.py && python visualize.py" in text
    assert "pip install -r requirements-dev.txt && pytest" in text
