"""The command that asks any solver by its name."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mlsysim.cli import completion
from mlsysim.cli.answers import Output, show_result, show_table
from mlsysim.cli.options import Explain, Form
from mlsysim.errors import InputError, unknown

SOLVER_HEADERS = ["Solver", "Walls", "Needs", "Says"]


def solve(
    solver: Annotated[
        str | None,
        typer.Argument(help="A solver; without one, all of them are listed.", autocompletion=completion.solvers),
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            help="Its inputs: names of records, numbers, quantities, lists.",
            metavar="[NAME=VALUE]...",
            autocompletion=completion.inputs,
        ),
    ] = None,
    explain: Explain = False,
    output: Form = Output.text,
) -> None:
    """Ask any solver, whose inputs have the names that they have in Python and in a scenario.

    For instance, what a month on a cluster costs and emits, how often it fails, and what a model that is halved loses:

        mlsysim solve EconomicsModel fleet=Research_256 duration_days=30 grid=Quebec mfu=0.4

        mlsysim solve ReliabilityModel fleet=Llama3_16K job_duration_hours=1296 checkpoint_time_s=120

        mlsysim solve CompressionModel model=Llama3_8B hardware=H100 method=quantization target_bitwidth=4

    Exit code 3 says that the answer is that it does not fit or does not work.
    """
    from mlsysim.core.columns import check_inputs
    from mlsysim.core.signatures import solvers

    if solver is None:
        listed = [(name, _walls(kind()), _needs(kind), _says(kind)) for name, kind in sorted(solvers().items())]
        show_table(output, SOLVER_HEADERS, listed)
        return
    if solver not in solvers():
        raise unknown("solver", solver, solvers())
    asked, given = solvers()[solver](), dict(map(_named, inputs or []))
    check_inputs(asked, [*given])
    show_result(asked.solve(**{name: _value(name, text) for name, text in given.items()}), output, explain)


def _named(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"an input must read NAME=VALUE, such as duration_days=30; got {text!r}")
    return name, value


def _value(name: str, text: str) -> Any:
    """A value as a scenario has it: a flag, a number, a list, else text."""
    import yaml

    from mlsysim.core.scenario import read_input

    try:
        plain = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        plain = text
    return read_input(name, text if plain is None or isinstance(plain, dict) else plain)


def _walls(solver: Any) -> str:
    return ", ".join(str(wall.number) for wall in solver.walls)


def _needs(kind: type) -> str:
    from mlsysim.core.signatures import inputs_of

    return ", ".join(name for name, one in inputs_of(kind).items() if one.required)


def _says(kind: type) -> str:
    """The first sentence of a solver's description."""
    return (kind.__doc__ or "").strip().partition("\n")[0]
