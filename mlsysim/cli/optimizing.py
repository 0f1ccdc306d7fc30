"""Commands that look for the best split, the best batch, the best place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from mlsysim.cli import completion
from mlsysim.cli.answers import Output, Table, show_result
from mlsysim.cli.axes import numbers_of
from mlsysim.cli.options import (
    CalibrationLevel,
    Device,
    Devices,
    Efficiency,
    Explain,
    Fabric,
    Fidelity,
    FleetName,
    Form,
    KVPrecision,
    Model,
    OptionalDevice,
    Precision,
    SeqLen,
    TensorParallel,
    amount_of,
    device_of,
    fleet_of,
    given,
    listed,
    model_of,
)
from mlsysim.errors import InputError, unknown

app = typer.Typer(help="Find the split, the batch or the region that does best, and what the others would do.")
Count = int | None
SHORT = {"zero_stage": "zero", "microbatch_size": "micro", "virtual_stages": "virtual"}
"""Words of a split that fit above their column."""
Top = Annotated[int, typer.Option("--top", min=1, help="Rows of each table.")]
Only = Annotated[
    str | None, typer.Option("--table", help="Only this table, with all its rows; --output csv then gives its rows.")
]


def _show(result: Any, tables: dict[str, Table], only: str | None, top: int, explain: bool, output: Output) -> None:
    if only is not None and only not in tables:
        raise unknown("table", only, tables)
    show_result(result, output, explain, tables, only=only, most=top)


@app.callback(invoke_without_command=True)
def _start(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def parallelism(
    model: Model,
    batch_size: Annotated[int, typer.Option("--batch-size", "-b", help="Sequences in a step.")],
    hardware: OptionalDevice = None,
    fleet: FleetName = None,
    devices: Devices = None,
    fabric: Fabric = None,
    seq_len: SeqLen = None,
    precision: Annotated[
        str | None,
        typer.Option(
            "--precision",
            "-p",
            help="Format of the products.",
            autocompletion=completion.precisions,
            show_default="bf16",
        ),
    ] = None,
    efficiency: Efficiency = None,
    max_tp: Annotated[Count, typer.Option(help="Greatest tensor parallelism.", show_default="a node")] = None,
    max_pp: Annotated[Count, typer.Option(help="Greatest pipeline parallelism.")] = None,
    max_cp: Annotated[Count, typer.Option(help="Greatest context parallelism.", show_default="1")] = None,
    max_ep: Annotated[Count, typer.Option(help="Greatest expert parallelism.")] = None,
    max_virtual_stages: Annotated[Count, typer.Option(help="Most parts of the model on a stage.")] = None,
    zero_stages: Annotated[str | None, typer.Option(help="Stages of ZeRO to look at.", show_default="0,1,2,3")] = None,
    schedules: Annotated[
        str | None,
        typer.Option(help="Schedules to look at.", autocompletion=completion.several(completion.schedules)),
    ] = None,
    recompute: Annotated[
        str | None,
        typer.Option(help="Recomputation to look at.", autocompletion=completion.several(completion.recomputations)),
    ] = None,
    optimizer: Annotated[
        str | None,
        typer.Option(help="What updates the weights.", autocompletion=completion.optimizers, show_default="adam"),
    ] = None,
    calibration: Annotated[
        str | None,
        typer.Option(
            "--calibration",
            "-c",
            help="What kernels reach.",
            autocompletion=completion.calibrations,
            show_default="fitted",
        ),
    ] = None,
    table: Only = None,
    top: Top = 10,
    explain: Explain = False,
    output: Form = Output.text,
) -> None:
    """Find the split of a model over a fleet that trains fastest, of all that divide evenly and fit.

    Tables: candidates, the best of each split; frontier, those that none beats in both time and memory; rejected, how
    many for which reason. For instance:

        mlsysim optimize parallelism Llama3_8B --fleet Research_256 --batch-size 256

        mlsysim optimize parallelism Llama3_8B H100 --devices 8 -b 64 --table candidates -o csv

    Exit code 3 says that nothing fits.
    """
    from mlsysim import ParallelismOptimizer

    result = ParallelismOptimizer().solve(
        model_of(model),
        fleet_of(fleet, hardware, devices, fabric),
        batch_size,
        **given(
            seq_len=seq_len,
            precision=precision,
            efficiency=efficiency,
            max_tp=max_tp,
            max_pp=max_pp,
            max_cp=max_cp,
            max_ep=max_ep,
            max_virtual_stages=max_virtual_stages,
            zero_stages=None if zero_stages is None else numbers_of("--zero-stages", zero_stages),
            schedules=None if schedules is None else listed(schedules),
            recompute=None if recompute is None else listed(recompute),
            optimizer=optimizer,
            calibration=calibration,
        ),
    )
    rejected = result.plain["rejected"]
    reasons = [(row["reason"], f"{row['count']:,}", row["example"]) for row in rejected]
    tables = {
        "candidates": _splits(result.plain["top_candidates"]),
        "frontier": _splits(result.plain["frontier"]),
        "rejected": Table(["Rejected because", "Splits", "For instance"], reasons, rejected, "<><"),
    }
    _show(result, tables, table, top, explain, output)


def _splits(rows: Sequence[dict[str, Any]]) -> Table:
    """Splits as a table: their degrees, and of the rest what differs among them."""
    from mlsysim.units import pretty

    configs = [row["config"] for row in rows]
    names = [
        name
        for name in (configs[0] if configs else ())
        if name in ("tp", "pp", "dp") or len({config[name] for config in configs}) > 1
    ]
    cells = [
        [
            *(str(row["config"][name]) for name in names),
            pretty(row["step_time"], "s"),
            f"{row['mfu']:.1%}",
            pretty(row["memory"], "byte"),
        ]
        for row in rows
    ]
    headers = [*(SHORT.get(name, name) for name in names), "Step", "MFU", "Memory"]
    return Table(headers, cells, rows, ">" * len(headers))


@app.command()
def batching(
    model: Model,
    hardware: Device,
    arrival_rate: Annotated[str, typer.Option(help="Requests that arrive in a second: 10, or '600 1/min'.")],
    sla: Annotated[str, typer.Option(help="What the 99th percentile of the latency may be: '2 s'; a number is ms.")],
    seq_len: Annotated[int | None, typer.Option("--seq-len", "-s", help="Tokens of each prompt.")] = None,
    output_tokens: Annotated[
        int | None, typer.Option("--output-tokens", "-n", help="Tokens of each answer.", show_default="as the prompt")
    ] = None,
    num_replicas: Annotated[Count, typer.Option(help="Replicas behind one queue.", show_default="1")] = None,
    max_search_batch: Annotated[Count, typer.Option(help="Largest batch to try.", show_default="256")] = None,
    precision: Precision = None,
    efficiency: Efficiency = None,
    kv_precision: KVPrecision = None,
    fidelity: Fidelity = None,
    calibration: CalibrationLevel = None,
    tensor_parallel: TensorParallel = None,
    table: Only = None,
    top: Top = 10,
    explain: Explain = False,
    output: Form = Output.text,
) -> None:
    """Find the static batch that answers soonest, for an arrival rate and a 99th percentile.

    Tables: frontier, the batches that none beats in both capacity and latency; candidates, every batch that fits. For
    instance:

        mlsysim optimize batching Llama3_8B H100 --arrival-rate 10 --sla "20 s" --seq-len 128

    Exit code 3 says that no batch meets the target.
    """
    from mlsysim import BatchingOptimizer
    from mlsysim.units import pretty

    workload = model_of(model)
    if seq_len is None and "prefill" in workload.phases:
        raise InputError(f"--seq-len is missing: the tokens of each prompt of {workload.name}")
    result = BatchingOptimizer().solve(
        workload,
        device_of(hardware),
        seq_len,
        amount_of("--arrival-rate", arrival_rate),
        amount_of("--sla", sla),
        **given(
            output_tokens=output_tokens,
            num_replicas=num_replicas,
            max_search_batch=max_search_batch,
            precision=precision,
            efficiency=efficiency,
            kv_precision=kv_precision,
            fidelity=fidelity,
            calibration=calibration,
            tensor_parallel=tensor_parallel,
        ),
    )

    def late(value: float | None) -> str:
        return "no end" if value is None else pretty(value, "s")

    def points(name: str) -> Table:
        rows = result.plain[name]
        cells = [
            (
                row["batch_size"],
                late(row["p99_latency"]),
                late(row["mean_latency"]),
                pretty(row["capacity"], "1/s"),
                "yes" if row["meets_sla"] else "no",
            )
            for row in rows
        ]
        return Table(["Batch", "99th percentile", "Mean", "Capacity", "Meets the target"], cells, rows, ">>>><")

    _show(result, {"frontier": points("pareto_front"), "candidates": points("points")}, table, top, explain, output)


@app.command()
def placement(
    regions: Annotated[
        str,
        typer.Option(
            help="Grids or datacentres, with commas: see `mlsysim zoo infra`.",
            autocompletion=completion.several(completion.regions),
        ),
    ],
    days: Annotated[str, typer.Option(help="How long the fleet runs: 30, or '2 year'.")],
    hardware: OptionalDevice = None,
    fleet: FleetName = None,
    devices: Devices = None,
    fabric: Fabric = None,
    carbon_tax: Annotated[
        str | None, typer.Option(help="Price of a ton of CO2e in dollars.", show_default="100")
    ] = None,
    mfu: Annotated[float | None, typer.Option(help="Share of the peak in use, which draws power.")] = None,
    pue: Annotated[float | None, typer.Option(help="Energy of the building over that of its machines.")] = None,
    scope: Annotated[str | None, typer.Option(help="direct or 'life cycle' emissions.")] = None,
    latency: Annotated[
        list[str] | None, typer.Option(help="Way from a region to the users, as Quebec=20ms; repeat for each.")
    ] = None,
    max_latency: Annotated[str | None, typer.Option(help="The longest way allowed: '50 ms'.")] = None,
    utilization: Annotated[float | None, typer.Option(help="Share of the time in use.", show_default="1")] = None,
    accelerator_price: Annotated[str | None, typer.Option(help="Of one device, in dollars.")] = None,
    infrastructure_multiplier: Annotated[
        float | None, typer.Option(help="Price of all over that of the devices.")
    ] = None,
    amortization_years: Annotated[str | None, typer.Option(help="Over which machines are written off.")] = None,
    table: Only = None,
    top: Top = 10,
    explain: Explain = False,
    output: Form = Output.text,
) -> None:
    """Find the region in which a fleet costs least when its emissions have a price.

    Table: candidates, every region with its costs. For instance:

        mlsysim optimize placement --fleet Research_256 --regions Quebec,Poland,US_Avg --days 30 --mfu 0.4

    Exit code 3 says that every region is too far from the users.
    """
    from mlsysim import Infra, PlacementOptimizer

    places = {name: Infra[name] for name in listed(regions)}
    result = PlacementOptimizer().solve(
        fleet_of(fleet, hardware, devices, fabric),
        list(places.values()),
        amount_of("--days", days),
        **given(
            carbon_tax_per_ton=amount_of("--carbon-tax", carbon_tax),
            mfu=mfu,
            pue=pue,
            scope=scope,
            latencies=_ways(latency, places) if latency else None,
            max_latency=amount_of("--max-latency", max_latency),
            utilization=utilization,
            accelerator_price=amount_of("--accelerator-price", accelerator_price),
            infrastructure_multiplier=infrastructure_multiplier,
            amortization_years=amount_of("--amortization-years", amortization_years),
        ),
    )
    found = result.candidates()
    align = "<" + ">" * (len(found.headers) - 1)
    tables = {"candidates": Table(found.headers, found.rows(), found.places, align)}
    _show(result, tables, table, top, explain, output)


def _ways(given_ways: list[str], places: dict[str, Any]) -> dict[str, Any]:
    """The time from each region to the users, by the region's full name."""
    found = {}
    for text in given_ways:
        name, equals, time = text.partition("=")
        if not equals:
            raise InputError(f"--latency must read REGION=TIME, such as Quebec=20ms; got {text!r}")
        if name not in places:
            raise unknown("region in --latency", name, places)
        found[places[name].name] = amount_of(f"--latency {name}", time)
    return found
