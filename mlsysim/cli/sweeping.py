"""The command that asks the same of many configurations."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlsysim.cli import completion
from mlsysim.cli.answers import Output, Table, json_of, say
from mlsysim.cli.axes import NUMBERS, machines, models_of, values_of
from mlsysim.cli.options import HARDWARE, MODEL, Form, listed
from mlsysim.errors import InputError, unknown

if TYPE_CHECKING:
    from mlsysim.core.solver.base import Solver
    from mlsysim.core.sweep import Sweep

ASKED = {"eval": "SingleNodeModel", "serve": "ServingModel", "train": "TrainingModel"}
"""The solver of each command; on a fleet, `train` asks `DistributedModel`."""
SHORT = {
    "batch_size": "Batch",
    "seq_len": "Tokens",
    "tensor_parallel": "Devices",
    "bottleneck": "Limit",
    "feasible": "Fits",
    "ttft": "TTFT",
    "itl": "ITL",
    "tpot": "TPOT",
}
"""Words that fit above a column."""
SHOWN = 20
"""Rows of a text where no other number is asked for."""


def sweep(
    models: Annotated[
        str,
        typer.Argument(
            help=f"{MODEL} Several with commas.",
            autocompletion=completion.several(completion.models),
            metavar="MODEL,…",
        ),
    ],
    hardware: Annotated[
        str | None,
        typer.Argument(
            help=f"{HARDWARE} Several with commas; a group such as Cloud stands for all its devices.",
            autocompletion=completion.several(completion.hardware_and_groups),
            metavar="HARDWARE,…",
        ),
    ] = None,
    ask: Annotated[
        str,
        typer.Option(help="What of each: eval, serve or train, as these commands.", autocompletion=lambda: [*ASKED]),
    ] = "eval",
    fleet: Annotated[
        str | None,
        typer.Option(
            help="With --ask train, in place of HARDWARE: clusters, with commas.",
            autocompletion=completion.several(completion.fleets),
        ),
    ] = None,
    batch_size: Annotated[str | None, typer.Option("--batch-size", "-b", help=f"Samples at once: {NUMBERS}.")] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            "--precision", "-p", help="Formats, with commas.", autocompletion=completion.several(completion.precisions)
        ),
    ] = None,
    seq_len: Annotated[str | None, typer.Option("--seq-len", "-s", help="Tokens of each sequence.")] = None,
    tensor_parallel: Annotated[
        str | None, typer.Option("--tensor-parallel", "-t", help="Devices that share each layer.")
    ] = None,
    fidelity: Annotated[
        str | None,
        typer.Option(
            "--fidelity",
            "-f",
            help="roofline, operator.",
            autocompletion=completion.several(lambda: ["roofline", "operator"]),
        ),
    ] = None,
    others: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Any other input of the solver, as tp_size=1,2,4 or recompute=none,full.",
            metavar="NAME=VALUES",
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(help="Keep what meets this: 'latency < 50 ms and feasible'.", autocompletion=completion.figures),
    ] = None,
    pareto: Annotated[
        str | None,
        typer.Option(
            help="Keep what none beats in these: latency,energy.",
            autocompletion=completion.several(completion.figures),
        ),
    ] = None,
    best: Annotated[
        str | None, typer.Option(help="Order by this figure, the best first.", autocompletion=completion.figures)
    ] = None,
    top: Annotated[int | None, typer.Option("--top", min=1, help="So many rows.", show_default="20 as text")] = None,
    to: Annotated[
        Path | None,
        typer.Option(help="Write the rows to FILE.csv or FILE.parquet; or to a FOLDER, block by block, to be resumed."),
    ] = None,
    figures: Annotated[
        str | None,
        typer.Option(
            help="With a FOLDER: only these figures, with commas.",
            autocompletion=completion.several(completion.figures),
        ),
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="With a FOLDER: processes that share the blocks.")] = None,
    scheduler: Annotated[str | None, typer.Option(help="With a FOLDER: a Dask cluster, tcp://…")] = None,
    output: Form = Output.text,
) -> None:
    """Ask the same of every combination of models, devices, batches, formats, lengths, and any other input.

    For instance, the fastest that fit; the trade-off of latency and throughput; and all rows as a file:

        mlsysim sweep Llama3_8B,Llama3_70B Cloud --precision fp16,fp8 --where feasible --best latency --top 5

        mlsysim sweep Llama3_8B H100,A100 --batch-size 1:1024:2x --pareto latency,throughput

        mlsysim sweep ResNet50 Cloud -b 1:256 --where "latency < 5 ms" --to rows.csv

    Serving and training alike:

        mlsysim sweep Llama3_70B H200 --ask serve -f operator -t 2,4,8 -b 1:256:2x --set output_tokens=512 --best tpot

        mlsysim sweep Llama3_70B --ask train --fleet Research_256 -b 256 --set tp_size=4,8 --set pp_size=1,2,4

    Exit code 3 says that no row is left.
    """
    from mlsysim.core.sweep import sweep as ask_all

    solver, inputs = _asked(
        ask,
        models,
        hardware,
        fleet,
        {"tensor_parallel": tensor_parallel, "fidelity": fidelity, "precision": precision}
        | dict(map(_named, others or []))
        | {"seq_len": seq_len, "batch_size": batch_size},
    )
    claim = " and ".join(where or [])
    if to is not None and to.suffix not in (".csv", ".parquet"):
        if to.suffix or best or pareto or top:
            ending = f"got {to}" if to.suffix else "--best, --pareto and --top need a file"
            raise InputError(f"--to must end in .csv or .parquet, or be a folder; {ending}")
        _stream(solver, to, inputs, figures and listed(figures), claim, workers, scheduler)
        return
    if workers is not None or scheduler is not None or figures is not None:
        raise InputError("--figures, --workers and --scheduler are for the blocks that --to FOLDER writes")
    found = ask_all(solver, **inputs)
    whole, compared = len(found), [*([best] if best else []), *(listed(pareto) if pareto is not None else [])]
    for name in compared:
        found.scores(name)  # raises for a figure that there is not, or that has no order
    found = found.where(claim) if claim else found
    found = found.pareto(*compared[bool(best) :]) if pareto is not None else found
    order = _ordered(found, best)
    if to is not None:
        _write(found, order[:top], to)
        say(f"{len(order[:top]):,} of {whole:,} rows in {to}")
    else:
        _tell(found, order, compared, whole, top, output)
    if not len(found):
        raise typer.Exit(3)


def _named(text: str) -> tuple[str, str]:
    name, equals, values = text.partition("=")
    if not equals or not values:
        raise InputError(f"--set must read NAME=VALUES, such as tp_size=1,2,4; got {text!r}")
    return name.strip().replace("-", "_"), values


def _asked(
    ask: str, models: str, hardware: str | None, fleet: str | None, others: dict[str, str | None]
) -> tuple[Solver, dict[str, Any]]:
    """The solver, and its inputs: a list of values for each."""
    from mlsysim.core.columns import check_inputs
    from mlsysim.core.signatures import inputs_of, solvers

    if ask not in ASKED:
        raise unknown("--ask", ask, ASKED)
    if fleet is not None and ask != "train":
        raise InputError(f"--fleet is for --ask train; got --ask {ask}")
    if (fleet is None) == (hardware is None):
        raise InputError("give HARDWARE, or --fleet with --ask train" if fleet is None else "--fleet replaces HARDWARE")
    place = "hardware" if fleet is None else "fleet"
    kind = solvers()[ASKED[ask] if fleet is None else "DistributedModel"]
    given = {name: text for name, text in others.items() if text is not None}
    known, solver = inputs_of(kind), kind()
    check_inputs(solver, ["model", place, *given])
    values = {name: values_of(known[name], text) for name, text in given.items()}
    formats = values.get("precision", [known["precision"].default])
    return solver, {"model": models_of(models), place: machines(place, hardware or fleet or "", formats)} | values


def _ordered(found: Sweep, best: str | None) -> list[int]:
    import numpy as np

    return list(range(len(found))) if best is None else np.argsort(found.scores(best), kind="stable").tolist()


def _tell(found: Sweep, order: list[int], figures: Sequence[str], whole: int, top: int | None, output: Output) -> None:
    from mlsysim.core.columns import item
    from mlsysim.core.sweep import HEADLINES

    text = output in (Output.text, Output.markdown)
    rows, names = order[: top or (SHOWN if text else None)], list(dict.fromkeys([*found.space, *found.columns]))
    columns = {name: [item(value) for value in found.column(name)[rows]] for name in names}
    records = [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if output is Output.json:
        units = {name: found.field(name).stored for name in found.columns if found.field(name).stored}
        solver = type(found.solver).__name__
        told = {"result": "Sweep", "solver": solver, "asked": whole, "left": len(found), "rows": records}
        say(json_of(told | {"units": units}))
        return
    wanted = [name.partition(":")[2].strip() or name for name in figures]
    shown = [name for name in dict.fromkeys([*HEADLINES, *wanted]) if name in found.columns]
    axes = found.varied
    cells = [
        [*(str(row[name]) for name in axes), *(found.field(name).text(row[name]) for name in shown)] for row in records
    ]
    headers = [SHORT.get(name) or found.field(name).label.strip() for name in (*axes, *shown)]
    table = Table(headers, cells, records, "<" * len(axes) + ">" * len(shown), names)
    rest = "" if len(records) == len(found) else f", of which {len(records):,} are shown"
    say(table.told(output) + (f"\n\n{len(found):,} of {whole:,} rows are left{rest}" if text else ""))


def _write(found: Sweep, order: list[int], to: Path) -> None:
    try:
        frame = found.to_frame().iloc[order]
        if to.suffix == ".csv":
            frame.to_csv(to, index=False)
        else:
            frame.to_parquet(to, index=False)
    except ImportError as error:
        raise InputError(f"--to {to} needs pandas and pyarrow: pip install mlsysim[frames]") from error
    except OSError as error:
        raise InputError(f"--to {to} cannot be written: {error}") from error


def _stream(
    solver: Solver,
    folder: Path,
    inputs: dict[str, Any],
    figures: list[str] | None,
    claim: str,
    workers: int | None,
    scheduler: str | None,
) -> None:
    from concurrent.futures import ProcessPoolExecutor

    from mlsysim.core.stream import stream

    try:
        with nullcontext() if workers is None else ProcessPoolExecutor(workers) as pool:
            kept = stream(
                solver, folder, inputs, figures=figures, where=claim or None, executor=pool, scheduler=scheduler
            )
            rows, files = kept.rows, len(kept.files)
    except ImportError as error:
        raise InputError(str(error)) from error
    except OSError as error:
        raise InputError(f"--to {folder} cannot be written: {error}") from error
    say(f"{rows:,} of {kept.manifest['configurations']:,} rows in {files:,} files of {folder}")
    if not rows:
        raise typer.Exit(3)
