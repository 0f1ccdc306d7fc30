"""The command that asks the same of many configurations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlsysim.cli import completion
from mlsysim.cli.answers import Output, Table, json_of, say
from mlsysim.cli.options import (
    HARDWARE,
    MODEL,
    CalibrationLevel,
    Efficiency,
    Fidelity,
    Form,
    KVPrecision,
    Phase,
    TensorParallel,
    device_of,
    given,
    listed,
    model_of,
    numbers_of,
)
from mlsysim.errors import InputError, UnknownName

if TYPE_CHECKING:
    from mlsysim.core.sweep import Sweep

SHORT = {"batch_size": "Batch", "seq_len": "Tokens", "bottleneck": "Limit", "feasible": "Fits"}
NUMBERS = "a list 1,8,64, a range 1:16 or 0:100:10, a series 1:1024:2x"


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
    efficiency: Efficiency = None,
    phase: Phase = None,
    kv_precision: KVPrecision = None,
    fidelity: Fidelity = None,
    calibration: CalibrationLevel = None,
    tensor_parallel: TensorParallel = None,
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
    to: Annotated[Path | None, typer.Option(help="Write the rows to FILE.csv or FILE.parquet instead.")] = None,
    output: Form = Output.text,
) -> None:
    """Ask how one forward pass runs for every combination of models, devices, batches, formats and lengths.

    For instance, the fastest that fit; the trade-off of latency and throughput; and all rows as a file:

        mlsysim sweep Llama3_8B,Llama3_70B Cloud --precision fp16,fp8 --where feasible --best latency --top 5

        mlsysim sweep Llama3_8B H100,A100 --batch-size 1:1024:2x --pareto latency,throughput

        mlsysim sweep ResNet50 Cloud -b 1:256 --where "latency < 5 ms" --to rows.csv

    Exit code 3 says that no row is left.
    """
    from mlsysim import Engine

    if to is not None and to.suffix not in (".csv", ".parquet"):
        raise InputError(f"--to must end in .csv or .parquet; got {to}")
    formats = listed(precision)
    found = Engine.sweep(
        [model_of(name) for name in listed(models)],
        [device for name in listed(hardware) for device in _devices(name, formats)],
        numbers_of("--batch-size", batch_size),
        formats,
        **given(
            seq_lens=None if seq_len is None else numbers_of("--seq-len", seq_len),
            efficiency=efficiency,
            phase=phase,
            kv_precision=kv_precision,
            fidelity=fidelity,
            calibration=calibration,
            tensor_parallel=tensor_parallel,
        ),
    )
    whole, wanted = len(found), [best] if best else []
    for claim in where or []:
        found = found.where(claim)
    if pareto is not None and len(found):
        wanted += listed(pareto)
        found = found.pareto(*listed(pareto))
    order = _ordered(found, best)
    _tell(found, order if top is None else order[:top], wanted, whole, to, output, len(order) if top is None else top)
    if not len(found):
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

    from mlsysim.core.sweep import RISING

    if best is None:
        return range(len(found))
    values = found.column(best)
    if len(found):
        found.best(best)  # raises for a figure that has no order
    ranked = np.argsort(-values if best in RISING else values, kind="stable")
    return [int(at) for at in ranked]


def _tell(
    found: Sweep, order: Sequence[int], wanted: Sequence[str], whole: int, to: Path | None, output: Output, most: int
) -> None:
    from mlsysim.core.solver.node.single import PerformanceProfile
    from mlsysim.core.sweep import AXES, FIGURES

    if to is not None:
        _write(found, order, to)
        say(f"{len(order):,} of {whole:,} rows in {to}")
        return
    fields = PerformanceProfile.fields()
    rows = order[:20] if output in (Output.text, Output.markdown) and most == len(order) else order
    columns = {name: [_plain(found.column(name)[at]) for at in rows] for name in (*AXES, *FIGURES)}
    records = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if output is Output.json:
        units = {name: fields[name].stored for name in FIGURES if fields[name].stored}
        say(json_of({"result": "Sweep", "asked": whole, "left": len(found), "rows": records, "units": units}))
        return
    axes = [name for name in AXES if len(set(found.column(name).tolist())) > 1]
    shown = list(dict.fromkeys(["latency", "throughput", "bottleneck", "feasible", "mfu", *wanted]))
    cells = [[*(str(row[name]) for name in axes), *(fields[name].text(row[name]) for name in shown)] for row in records]
    headers = [SHORT.get(name) or fields[name].label.strip() for name in (*axes, *shown)]
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
