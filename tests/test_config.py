from __future__ import annotations

import dataclasses
import os
import subprocess
import sys

import pytest
from conftest import PROJECT

from config import (
    PRESETS,
    TrainConfig,
    VisualizeConfig,
    describe,
    format_command_line,
    format_flags,
    parse,
    run_script,
)
from latentspace.chapters.figure import METHODS
from latentspace.core.errors import InputError


def train(*argv: str) -> tuple[TrainConfig, frozenset[str]]:
    return parse(TrainConfig, "", argv=argv)


def test_defaults_are_those_of_the_default_preset() -> None:
    config, given = train()
    assert config == TrainConfig(**PRESETS["default"])
    assert given == frozenset()
    fields = {field.name: field.default for field in dataclasses.fields(TrainConfig)}
    assert {name: fields[name] for name in PRESETS["default"]} == PRESETS["default"]


def test_a_flag_beats_the_preset() -> None:
    config, given = train("--preset", "quick", "--epochs", "7")
    assert (config.preset, config.epochs) == ("quick", 7)
    assert given == {"preset", "epochs"}
    assert train("--preset", "quick")[0].epochs == PRESETS["quick"]["epochs"]


def test_switches_and_renamed_flags() -> None:
    config, given = parse(
        VisualizeConfig,
        "",
        argv=["--from", "3", "class:7", "--to", "4", "5", "--maps"],
        switches={"--maps": "maps", "--arithmetic": "sums"},
    )
    assert (config.start, config.end) == (("3", "class:7"), ("4", "5"))
    assert given == {"start", "end", "--maps"}


def test_runs_add_up_and_are_spelled_as_given() -> None:
    argv = ["--run", "a", "--run", "b", "--no-cache", "--seed", "3"]
    config, given = parse(VisualizeConfig, "", argv=argv, switches={"--maps": "maps"})
    assert config.run == ("a", "b")
    assert any(line.split() == ["run", "a,", "b"] for line in describe(config).splitlines())
    assert format_flags(config, given) == "--no-cache, --run, --seed"
    assert parse(VisualizeConfig, "", argv=[])[0].run == ()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--epochs", "0"], "--epochs: expected a whole number of 1 or more. Received: '0'"),
        (["--epochs", "two"], "Received: 'two'"),
        (["--learning-rate", "nan"], "expected a number above 0"),
        (["--validation-split", "1"], "expected a number between 0 and 1"),
        (["--seed", "-1"], "expected"),
        (["--preset", "huge"], "invalid choice: 'huge'"),
        (["--epoch", "3"], "unrecognized arguments: --epoch"),
        (["--no-labels", "--label-column", "a"], "Received: --label-column, --no-labels; pass one"),
        (["--no-labels", "--classes-from", "none"], "Received: --classes-from, --no-labels; pass"),
    ],
)
def test_bad_flags_get_one_line(
    argv: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        train(*argv)
    error = capsys.readouterr().err
    assert stopped.value.code == 2
    assert error.count("\n") == 1
    assert message in error


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--encoder a.keras", "--encoder and --decoder go together"),
        ("--model-code code.py", "a model comes from one of"),
        ("--autoencoder a --encoder b --decoder c", "a model comes from one of"),
        ("--autoencoder a --model-code code.py:build", "a model comes from one of"),
        ("--autoencoder a --pixel-range 1 0", "--pixel-range takes black before white"),
        ("--autoencoder a --output-range 2 2", "as in -1 1. Received: 2 2"),
        ("--autoencoder a --input-range 0 inf", "expected a finite number"),
        ("--encoder a.onnx --decoder b.keras", "a.onnx is an ONNX model, which goes with no Keras"),
        ("--autoencoder a.onnx --weights b.h5", "pass ONNX models alone"),
        ("--autoencoder a.keras --weights b.h5", "pass --model-code FILE.py:FUNCTION as well"),
        (
            "--encoder a.json --decoder b.keras --weights c.h5 d.h5",
            "--weights go into a model that",
        ),
        ("--autoencoder a.json", "a.json holds the architecture of a model without its weights"),
        ("--encoder a.json --decoder b.json", "--weights FILE FILE, those of the encoder first"),
        ("--codes a.npy --limit 3", "codes without images have no use for --limit: pass --dataset"),
        ("--run a --run b --run c", "two runs can be compared. Received: --run 3 times"),
    ],
)
def test_what_names_no_model_gets_one_line(
    line: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse(VisualizeConfig, "", argv=line.split())
    error = capsys.readouterr().err
    assert (stopped.value.code, error.count("\n")) == (2, 1)
    assert message in error


@pytest.mark.parametrize(
    "line",
    [
        "--encoder a --decoder b --input-range 0 255",
        "--model-code code.py:build --weights a.h5",
        "--encoder a.json --decoder b.JSON --weights c.h5 d.h5",
        "--encoder a.onnx --decoder b.onnx",
        "--run a --model-code code.py",
        "--run a --codes a.npy --limit 3",
        "--codes a.npy --labels b.npy",
    ],
)
def test_what_names_a_model_is_taken(line: str) -> None:
    parse(VisualizeConfig, "", argv=line.split())


def test_help_names_every_flag_and_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(TrainConfig, "What it is", argv=["--help"])
    text = capsys.readouterr().out
    for field in dataclasses.fields(TrainConfig):
        if field.metadata:
            assert "--" + field.name.replace("_", "-") in text
    assert "What it is" in text
    assert TrainConfig.examples[0] in text


def test_methods_of_projection_are_those_that_exist() -> None:
    (method,) = [f for f in dataclasses.fields(VisualizeConfig) if f.name == "method"]
    assert set(method.metadata["argument"]["choices"]) == set(METHODS)


@pytest.mark.parametrize("text", ["all", "17"])
def test_samples_are_a_number_or_all(text: str) -> None:
    config, _ = parse(VisualizeConfig, "", argv=["--samples", text])
    assert str(config.samples) == text


def test_describe_lists_what_is_set() -> None:
    lines = describe(TrainConfig(run="a")).splitlines()
    assert any(line.split() == ["run", "a"] for line in lines)
    assert not any("batch_size" in line for line in lines)


def test_mendable_errors_become_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(error: BaseException) -> None:
        raise error

    mendable = (InputError, OSError)
    assert run_script(lambda: None, user_errors=mendable) == 0
    assert run_script(lambda: fail(InputError("bad\n\x1b[31mnews")), user_errors=mendable) == 2
    assert run_script(lambda: fail(PermissionError(13, "no")), user_errors=mendable) == 2
    assert capsys.readouterr().err.splitlines()[0].endswith("error: bad [31mnews")
    assert run_script(lambda: fail(KeyboardInterrupt()), user_errors=mendable) == 130
    with pytest.raises(ValueError, match="a defect"):
        run_script(lambda: fail(ValueError("a defect")), user_errors=mendable)


def test_a_command_that_is_no_text_can_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/a/visualize.py", "--run", "b c", "caf\udce9"])
    assert format_command_line() == "python visualize.py --run 'b c' 'caf\\udce9'"


def test_how_folders_and_tables_are_read_is_asked_for_by_flags() -> None:
    config, given = train("--classes-from", "2", "--frames-as", "images")
    nothing = {"labels": None, "label_column": None, "labels_key": None, "corrections": None}
    assert config.read_options(given) == {
        "classes_from": 2, "frames_as": "images", "no_labels": False, **nothing
    }  # fmt: skip
    config, given = train("--label-column", "breed")  # not what a run has on record
    assert config.read_options(given) == {
        "label_column": "breed", "classes_from": None, "no_labels": False, "corrections": None
    }  # fmt: skip
    config, given = train("--no-labels")
    assert config.read_options(given) == {"no_labels": True, "classes_from": None, **nothing}
    assert train("--classes-from", "none")[0].classes_from == "none"
    for level in ("0", "-1", "all"):
        with pytest.raises(SystemExit):
            train("--classes-from", level)


@pytest.mark.parametrize(
    "said",
    [
        "import warnings; warnings.warn('of a library')",
        "import warnings; warnings.warn('old', DeprecationWarning, stacklevel=2)",
        "import logging; logging.getLogger('library').warning('of a library')",
    ],
)
def test_what_libraries_warn_of_reaches_nobody_who_did_not_ask(said: str) -> None:
    code = f"import config\ndef main():\n    {said}\n    print('ours')\n"
    code += "raise SystemExit(config.run_script(main, user_errors=(OSError,)))"
    for flags, heard in (((), False), (("-W", "always"), True)):
        command = [sys.executable, *flags, "-c", code]
        result = subprocess.run(
            command,
            cwd=PROJECT,
            env={k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert result.stdout == "ours\n"
        assert bool(result.stderr) == heard
