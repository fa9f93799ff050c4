"""Who may import whom, and what importing may cost."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from conftest import PROJECT

PACKAGE = PROJECT / "latentspace"
ALLOWED = {  # by room, beside the room itself
    "core": set(),
    "datasets": {"core"},
    "analysis": {"core"},
    "drawing": {"core"},
    "models": {"datasets", "core"},
    "training": {"models", "datasets", "analysis", "core"},
    "chapters": {"models", "datasets", "analysis", "drawing", "core"},
    "report": {"chapters", "drawing", "core"},
    "notebook": {"report", "chapters", "models", "datasets", "core"},
}
WITH_KERAS = {"models", "training"}


def list_modules() -> list[str]:
    return sorted(
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in PACKAGE.rglob("*.py")
    )


def find_imports(module: str) -> set[str]:
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


@pytest.mark.parametrize("module", [module for module in list_modules() if module != "__init__"])
def test_imports_follow_the_rules(module: str) -> None:
    room = module.split(".")[0]
    names = find_imports(module)
    inner = {name.split(".")[1] for name in names if name.startswith("latentspace.")}
    assert inner <= {room, *ALLOWED[room]}, f"{module} imports {inner - ALLOWED[room]}"
    assert not names & {"train_cae", "visualize"}
    assert "config" not in names or module == "notebook"
    if room not in WITH_KERAS:
        assert not {name.split(".")[0] for name in names} & {"keras", "tensorflow"}


FOLDERS = sorted(path.parent.name for path in (PACKAGE / "chapters").glob("*/__init__.py"))


@pytest.mark.parametrize("chapter", FOLDERS)
def test_chapters_have_the_same_furniture(chapter: str) -> None:
    own = f"latentspace.chapters.{chapter}"
    assert (PACKAGE / "chapters" / chapter / "contents.toml").is_file()
    assert not find_imports(f"chapters.{chapter}.__init__")
    for path in (PACKAGE / "chapters" / chapter).glob("draw*.py"):
        names = find_imports(f"chapters.{chapter}.{path.stem}")
        drawn = [name for name in names if name.startswith("latentspace.")]
        allowed = ("latentspace.drawing", "latentspace.core.pixels", own)
        assert all(name.startswith(allowed) for name in drawn), drawn


def test_rules_are_read_from_the_code() -> None:
    assert "latentspace.core.errors" in find_imports("chapters.study")
    assert "openTSNE" in find_imports("analysis.tsne")


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
        "heavy = {'tensorflow', 'keras', 'sklearn', 'matplotlib', 'scipy', 'numpy', 'PIL'}\n"
        "print('LOADED', sorted(heavy & set(sys.modules)))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=PROJECT
    )
    assert result.stdout.splitlines()[-1] == "LOADED []"
    assert ("usage:" in result.stdout) == (arguments == ["--help"])
