"""The floors of the package: imports point down only, modules stay small, importing costs next to nothing."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "mlsysim").rglob("*.py"))
every_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
HEAVY = ["numpy", "pint", "pydantic", "yaml", "matplotlib", "rich", "typer", "tabulate", "bibtexparser", "pandas"]
FACES = {"cli", "viz"}


def python(code, *options):
    """Run code in a fresh interpreter and return what it prints."""
    done = subprocess.run([sys.executable, *options, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_imports_point_down():
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command; lint_imports_command()",
        "--no-cache",
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@every_module
def test_a_module_fits_into_a_head(path):
    assert len(path.read_text("utf-8").splitlines()) <= 500


@every_module
def test_a_module_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))


IMPORTED_FIRST = """
import importlib, os, sys, traceback
import bibtexparser, matplotlib.pyplot, numpy, pandas, pint, pydantic, rich.console, tabulate, typer, yaml
for name in {names}:
    if not (child := os.fork()):
        try:
            importlib.import_module(name)
        except BaseException:
            print(name, traceback.format_exc(), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""
"""Imports each module in a process in which no other of ours was; those of others are there already."""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks a process for each module")
def test_each_module_can_be_imported_first():
    """Whatever module a program starts from, no circle of imports stands in its way."""
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in MODULES]
    names = [name for name in names if not name.endswith("__main__")]
    assert python(IMPORTED_FIRST.format(names=names), "-W", "error") == ""


@every_module
def test_numpy_and_matplotlib_are_imported_only_where_they_are_used(path):
    tree = ast.parse(path.read_text("utf-8"))
    top = [ast.unparse(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    heavy = ("numpy", "matplotlib", "pandas", "IPython", "rich", "tabulate")
    if not FACES & set(path.relative_to(ROOT / "mlsysim").parts):
        assert not [line for line in top if line.split()[1].split(".")[0] in heavy]


def test_importing_the_package_imports_nothing_heavy():
    loaded = python(f"import mlsysim, sys; print([name for name in {HEAVY} if name in sys.modules])")
    assert loaded == "[]"


def test_a_name_loads_when_it_is_touched_and_only_what_it_needs():
    code = "import mlsysim, sys; mlsysim.Q_(1, 'GB'); print('pint' in sys.modules, 'pydantic' in sys.modules)"
    assert python(code) == "True False"


def test_a_question_is_answered_without_numpy():
    """Python behaves as if NumPy were not installed."""
    code = """
import sys
sys.modules["numpy"] = None
from mlsysim import Engine, Hardware, Models, ServingModel
print(f"{Engine.solve(Models.ResNet50, Hardware.A100).latency:.4f}")
print(ServingModel().solve(Models.Llama3_8B, Hardware.H100).decode_bottleneck)
"""
    assert python(code).splitlines() == ["0.0529 ms", "Memory"]


def test_every_public_name_resolves():
    code = "import mlsysim; print([name for name in mlsysim.__all__ if getattr(mlsysim, name, None) is None])"
    assert python(code) == "[]"


def test_a_public_name_is_the_object_of_the_module_that_the_stub_names():
    """Type checkers read the stub, programs load by it: both must get what is really there."""
    import mlsysim

    stub = ast.parse((ROOT / "mlsysim" / "__init__.pyi").read_text("utf-8"))
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    assert {alias.name for node in imports for alias in node.names} <= set(mlsysim.__all__) <= set(dir(mlsysim))
    for node in imports:
        for alias in node.names:
            home = import_module("." * node.level + (node.module or ""), "mlsysim")
            assert getattr(mlsysim, alias.name) is getattr(home, alias.name)


def test_a_misspelt_name_of_the_package_gets_the_nearest_one():
    import mlsysim

    with pytest.raises(AttributeError, match=r"^unknown name in mlsysim 'Engin'; did you mean 'Engine'"):
        _ = mlsysim.Engin
    assert not hasattr(mlsysim, "nope")
