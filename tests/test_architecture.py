"""Who may import whom, and what importing may cost."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from conftest import PROJECT

PACKAGE = PROJECT / "latentspace"
FILES = {"files", "writing", "documents"}
ALLOWED = {
    "__init__": set(),
    "files": set(),
    "writing": {"files"},
    "documents": FILES,
    "caching": {"npz", *FILES},
    "run_facts": set(),
    "run_saving": {"runs", "run_facts", "model_files", *FILES},
    "memory": FILES,
    "npz": {"memory", *FILES},
    "pixels": set(),
    "datasets": {"datasets", "memory", "npz", "pixels", *FILES},
    **dict.fromkeys(("network", "paths", "media"), FILES),
    "scores": {"pixels", "projection"},
    "tsne": set(),
    "processes": FILES,
    "clustering": {"projection", "neighborhoods"},
    "projection": {"tsne", "processes", *FILES},
    "neighborhoods": set(),
    "detection": {"neighborhoods"},
    "foreign": {"datasets"},
    "augmentation": set(),
    "checkpoint": {"npz", "run_facts", *FILES},
    "fitting": {"checkpoint", "augmentation", "pixels", *FILES},
    "refinement": set(),
    "snapshots": {"npz", "pixels", *FILES},
    "recording": {"snapshots", "scores", "pixels", *FILES},
    "training": {
        *("network", "refinement", "fitting", "checkpoint", "recording", "snapshots"),
        *("runs", "scores", "pixels", *FILES),
    },
    "runs": {"model_files", "run_facts", "snapshots", "pixels", *FILES},
    "model_config": {"memory", *FILES},
    "model_weights": {"memory", *FILES},
    "model_archive": set(),
    "model_files": {"model_archive", "model_config", "model_weights", "memory", *FILES},
    "adoption": {"adoption", "datasets", "model_files", "runs", "run_facts", *FILES},
    "training_log": {"pixels"},
    "projector": {"pixels", *FILES},
    "records": {"figures", *FILES},
    "gallery": {"figures", "media", "records", *FILES},
    "judge": {"runs", "run_facts", "model_files", *FILES},
    "strokes": {"processes"},
    "directions": set(),
    "expressions": FILES,
    "compression": {"compression", "pixels"},
    "figures": {"media", "pixels", "figures"},
    "study": {
        *("study", "datasets", "runs", "judge", "projection", "tsne", "neighborhoods"),
        *("augmentation", "clustering", "processes", "detection", "foreign", "compression"),
        *("paths", "scores", "pixels", "snapshots", "caching", "run_facts"),
        *("directions", "expressions", "strokes", *FILES),
    },
    "report": {"report", "figures", "records", "expressions", "projection", "study", *FILES},
}
WITHOUT_KERAS = (
    *("paths", "directions", "strokes", "projection", "tsne", "scores", "figures"),
    *("clustering", "compression", "detection", "foreign", "projector"),
)


def modules() -> list[str]:
    return sorted(
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in PACKAGE.rglob("*.py")
    )


def imported(module: str) -> set[str]:
    """Full names of all modules that a module imports anywhere, but for type checking only."""
    tree = ast.parse((PACKAGE / (module.replace(".", "/") + ".py")).read_text())
    typing_only = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    names = set()
    for node in ast.walk(tree):
        if node in typing_only:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "latentspace":
            names |= {f"latentspace.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("module", modules())
def test_imports_follow_the_rules(module: str) -> None:
    room = module.split(".")[0]
    inner = {name.split(".")[1] for name in imported(module) if name.startswith("latentspace.")}
    assert inner <= ALLOWED[room], f"{module} imports {inner - ALLOWED[room]}"
    assert "config" not in imported(module)
    if room in WITHOUT_KERAS:
        assert not {name.split(".")[0] for name in imported(module)} & {"keras", "tensorflow"}


def test_rules_are_read_from_the_code() -> None:
    assert "latentspace.files" in imported("study.base")
    assert "openTSNE" in imported("tsne")


def test_config_needs_the_standard_library_only() -> None:
    tree = ast.parse((PROJECT / "config.py").read_text())
    roots = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert roots <= sys.stdlib_module_names


@pytest.mark.parametrize("script", ["train_cae", "visualize"])
@pytest.mark.parametrize("arguments", [["--help"], ["--no-such-flag"]])
def test_help_and_bad_flags_load_nothing_heavy(script: str, arguments: list[str]) -> None:
    program = (
        "import sys, runpy\n"
        f"sys.argv = [{script + '.py'!r}, *{arguments!r}]\n"
        "try:\n"
        f"    runpy.run_path({str(PROJECT / script) + '.py'!r}, run_name='__main__')\n"
        "except SystemExit:\n"
        "    pass\n"
        "heavy = {'tensorflow', 'keras', 'sklearn', 'matplotlib', 'scipy', 'openTSNE', 'bokeh'}\n"
        "print('LOADED', sorted(heavy & set(sys.modules)))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=PROJECT
    )
    assert result.stdout.splitlines()[-1] == "LOADED []"
    assert ("usage:" in result.stdout) == (arguments == ["--help"])
