"""The command that asks the same of many configurations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlsysim.cli import completion
from mlsysim.cli.answers import Output, Table, json_of, say
from mlsysim.cli.options import (
    HARDWARE,
    MODEL,
    CalibrationLevel,
    Fidelity,
    Form,
    KVPrecision,
    Phase,
    device_of,
    listed,
    model_of,
    numbers_of,
    value_of,
)
from mlsysim.errors import InputError, UnknownName, positive_integer, unknown

if TYPE_CHECKING:
    from mlsysim.core.solver.base import Solver
    from mlsysim.core.sweep import Sweep

SHORT = {"batch_size": "Batch", "seq_len": "Tokens", "bottleneck": "Limit", "feasible": "Fits"}
NUMBERS = "a list 1,8,64, a range 1:16 or 0:100:10, a series 1:1024:2x"
QUESTIONS = {
    "pass": ("SingleNodeModel", ("latency", "throughput", "bottleneck", "feasible", "mfu")),
    "serve": ("ServingModel", ("ttft", "itl", "throughput", "decode_bottleneck", "feasible")),
    "train": ("TrainingModel", ("step_time", "token_rate", "bottleneck", "feasible", "mfu")),
}
"""The solver of each question, and the figures that a listing shows."""


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
        str,
        typer.Argument(
            help=f"{HARDWARE} Several with commas; a group such as Cloud stands for all its devices.",
            autocompletion=completion.several(completion.hardware_and_groups),
            metavar="HARDWARE,…",
        ),
    ],
    batch_size: Annotated[str, typer.Option("--batch-size", "-b", help=f"Samples at once: {NUMBERS}.")] = "1",
    precision: Annotated[
        str,
        typer.Option(
            "--precision",
            "-p",
            help="Formats in memory, with commas.",
            autocompletion=completion.several(completion.precisions),
        ),
    ] = "fp16",
    seq_len: Annotated[
        str | None, typer.Option("--seq-len", "-s", help="Tokens of each sequence: values as of --batch-size.")
    ] = None,
    ask: Annotated[
        str,
        typer.Option(
            help="What is asked: a forward pass, how requests are served, or a step of training.",
            autocompletion=completion.sweeps,
        ),
    ] = "pass",
    more: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="A further input of the solver, by its name: tensor_parallel=4,8 or output_tokens=512. Several values"
            " are an axis.",
            autocompletion=completion.inputs,
        ),
    ] = None,
    phase: Phase = None,
    kv_precision: KVPrecision = None,
    fidelity: Fidelity = None,
    calibration: CalibrationLevel = None,
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
        typer.Option(
            help="Write the rows to FILE.csv or FILE.parquet instead; or to FOLDER, block by block, for more of them"
            " than memory holds: a stopped run goes on."
        ),
    ] = None,
    figures: Annotated[
        str | None,
        typer.Option(help="With --to FOLDER: which figures.", autocompletion=completion.several(completion.figures)),
    ] = None,
    workers: Annotated[int | None, typer.Option(help="With --to FOLDER: processes side by side.")] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="With --to FOLDER: a Dask cluster, such as tcp://10.0.0.1:8786.")
    ] = None,
    output: Form = Output.text,
) -> None:
    """Ask the same for every combination of models, devices, batches, formats, lengths and further inputs.

    For instance, the fastest that fit; the trade-off of latency and throughput; all rows as a file; the batch at which
    a group of four or eight serves most; and a hundred million rows on disk:

        mlsysim sweep Llama3_8B,Llama3_70B Cloud --precision fp16,fp8 --where feasible --best latency --top 5

        mlsysim sweep Llama3_8B H100,A100 --batch-size 1:1024:2x --pareto latency,throughput

        mlsysim sweep ResNet50 Cloud -b 1:256 --where "latency < 5 ms" --to rows.csv

        mlsysim sweep Llama3_70B H100 --ask serve -b 1:256 -p fp8 -f operator --set tensor_parallel=4,8
        --set output_tokens=512 --where "feasible and tpot < 25 ms" --best throughput --top 1

        mlsysim sweep Llama3_8B Cloud -b 1:4096 -s 64:8192:16 -p fp16 --to rows --figures latency,throughput

    Exit code 3 says that no row is left.
    """
    import mlsysim

    if ask not in QUESTIONS:
        raise unknown("--ask", ask, QUESTIONS)
    formats, solver = listed(precision), getattr(mlsysim, QUESTIONS[ask][0])()
    inputs: dict[str, Any] = {
        "model": [model_of(name) for name in listed(models)],
        "hardware": [device for name in listed(hardware) for device in _devices(name, formats)],
        **dict(_further(one) for one in more or []),
        "precision": formats,
        "seq_len": None if seq_len is None else numbers_of("--seq-len", seq_len),
        "batch_size": numbers_of("--batch-size", batch_size),
        "phase": phase,
        "kv_precision": kv_precision,
        "fidelity": fidelity,
        "calibration": calibration,
    }
    inputs = {name: value for name, value in inputs.items() if value is not None}
    if to is not None and to.suffix not in (".csv", ".parquet", ""):
        raise InputError(f"--to must end in .csv or .parquet, or be a folder; got {to}")
    if to is not None and not to.suffix:
        _stream(solver, to, inputs, " and ".join(where or []), figures, workers, scheduler)
        return
    for option, value in (("--figures", figures), ("--workers", workers), ("--scheduler", scheduler)):
        if value is not None:
            raise InputError(f"{option} needs --to FOLDER; got {'no --to' if to is None else f'--to {to}'}")
    found = mlsysim.sweep(solver, **inputs)
    whole, wanted = len(found), [best] if best else []
    for claim in where or []:
        found = found.where(claim)
    if pareto is not None and len(found):
        wanted += listed(pareto)
        found = found.pareto(*listed(pareto))
    order = _ordered(found, best)
    shown = list(dict.fromkeys([*QUESTIONS[ask][1], *(one.split(":")[-1].strip() for one in wanted)]))
    _tell(found, order if top is None else order[:top], shown, whole, to, output, len(order) if top is None else top)
    if not len(found):
        raise typer.Exit(3)


def _further(text: str) -> tuple[str, Any]:
    """The name and the values of one --set."""
    name, sign, values = text.partition("=")
    if not sign or not name.strip() or not values.strip():
        raise InputError(f"--set must read NAME=VALUES, such as tensor_parallel=4,8; got {text!r}")
    found = [one for part in listed(values) for one in _several(name, part)]
    return name.strip(), found if len(found) > 1 else found[0]


def _several(name: str, part: str) -> list[Any]:
    return numbers_of(f"--set {name}", part) if ":" in part else [value_of(part)]


def _stream(
    solver: Solver,
    folder: Path,
    inputs: Mapping[str, Any],
    where: str,
    figures: str | None,
    workers: int | None,
    scheduler: str | None,
) -> None:
    """Write the rows of a sweep to a folder, block by block."""
    from concurrent.futures import ProcessPoolExecutor
    from contextlib import nullcontext
    from multiprocessing import get_context

    from mlsysim import stream

    chosen, claim = None if figures is None else listed(figures), where or None
    pool: Any = nullcontext()
    if workers is not None:
        pool = ProcessPoolExecutor(positive_integer("--workers", workers), mp_context=get_context("spawn"))
    with pool as executor:
        try:
            found = stream(solver, folder, inputs, figures=chosen, where=claim, executor=executor, scheduler=scheduler)
        except ImportError as error:
            raise InputError(f"--to {folder}: {error}") from error
        except OSError as error:
            raise InputError(f"--to {folder} cannot be written: {error}") from error
    say(repr(found))
    if not found.rows:
        raise typer.Exit(3)


def _devices(name: str, formats: Sequence[str]) -> list[Any]:
    """A device, or all of a group that can compute in some formats; who cannot is named."""
    from mlsysim import Hardware

    if name not in Hardware.groups:
        return [device_of(name)]
    able, unable = [], []
    for device in Hardware.groups[name]:
        try:
            for precision in formats:
                device.compute_format(precision)
            able.append(device)
        except UnknownName:
            raise
        except InputError:
            unable.append(device.name)
    if unable:
        typer.echo(f"left out of {name}, for want of {' or '.join(formats)}: {', '.join(unable)}", err=True)
    return able


def _ordered(found: Sweep, best: str | None) -> Sequence[int]:
    import numpy as np

    if best is None:
        return range(len(found))
    return [int(at) for at in np.argsort(found.scores(best), kind="stable")]


def _tell(
    found: Sweep, order: Sequence[int], shown: Sequence[str], whole: int, to: Path | None, output: Output, most: int
) -> None:
    if to is not None:
        _write(found, order, to)
        say(f"{len(order):,} of {whole:,} rows in {to}")
        return
    rows = order[:20] if output in (Output.text, Output.markdown) and most == len(order) else order
    columns = {name: [_plain(found.column(name)[at]) for at in rows] for name in (*found.space, *found.columns)}
    records = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if output is Output.json:
        units = {name: unit for name in found.columns if (unit := found.field(name).stored)}
        answer = {"result": "Sweep", "solver": type(found.solver).__name__, "asked": whole, "left": len(found)}
        say(json_of(answer | {"rows": records, "units": units}))
        return
    axes = found.varied
    fields = {name: found.field(name) for name in (*axes, *shown)}
    cells = [[*(str(row[name]) for name in axes), *(fields[name].text(row[name]) for name in shown)] for row in records]
    headers = [SHORT.get(name) or field.label.strip() for name, field in fields.items()]
    table = Table(headers, cells, records, "<" * len(axes) + ">" * len(shown), list(columns))
    rest = "" if len(records) == len(found) else f", of which {len(records):,} are shown"
    told = "" if output is Output.csv else f"\n\n{len(found):,} of {whole:,} rows are left{rest}"
    say(table.told(output) + told)


def _plain(value: Any) -> Any:
    """A value of a column as Python has it; None where there is none."""
    value = value.item() if hasattr(value, "item") else value
    return None if value != value else value


def _write(found: Sweep, order: Sequence[int], to: Path) -> None:
    try:
        frame = found.to_frame().iloc[list(order)]
        if to.suffix == ".csv":
            frame.to_csv(to, index=False)
        else:
            frame.to_parquet(to, index=False)
    except ImportError as error:
        raise InputError(f"--to {to} needs a package that is not installed: {error.msg.splitlines()[0]}") from error
    except OSError as error:
        raise InputError(f"--to {to} cannot be written: {error}") from error
