"""Commands that ask a solver, or a model what it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlsysim.cli import completion
from mlsysim.cli.answers import Output, Table, csv_of, holds, say, show_result, show_table
from mlsysim.cli.options import (
    MODEL,
    BatchSize,
    CalibrationLevel,
    Device,
    Efficiency,
    Explain,
    Fidelity,
    Form,
    KVPrecision,
    Model,
    OptionalDevice,
    Phase,
    Precision,
    SeqLen,
    TensorParallel,
    device_of,
    given,
    model_of,
)
from mlsysim.errors import InputError

if TYPE_CHECKING:
    from mlsysim.core.solver.node.single import PerformanceProfile
    from mlsysim.models.operators import Operator

KERNELS = "Kernels"


def evaluate(
    model: Annotated[
        str,
        typer.Argument(
            help=f"{MODEL} Or the YAML file of a scenario, alone: see `mlsysim schema scenario`.",
            autocompletion=completion.models,
            metavar="MODEL|SCENARIO.yaml",
        ),
    ],
    hardware: OptionalDevice = None,
    batch_size: BatchSize = None,
    precision: Precision = None,
    efficiency: Efficiency = None,
    phase: Phase = None,
    seq_len: SeqLen = None,
    kv_precision: KVPrecision = None,
    fidelity: Fidelity = None,
    calibration: CalibrationLevel = None,
    tensor_parallel: TensorParallel = None,
    offload: Annotated[
        bool | None, typer.Option("--offload", help="Keep what does not fit in the host's memory.")
    ] = None,
    breakdown: Annotated[
        bool, typer.Option("--breakdown", help="Show what each kernel takes; implies --fidelity operator.")
    ] = False,
    walls: Annotated[
        bool, typer.Option("--walls", help="Of a scenario: how far it is from each of the 22 walls.")
    ] = False,
    explain: Explain = False,
    output: Form = Output.text,
) -> None:
    """Say how one forward pass runs on one device: its time, what limits it, whether it fits. Or judge a scenario.

    For instance, ResNet-50 on an A100, 64 images at once; one token of Llama-3 8B, kernel by kernel, at the speed of
    light; and of Llama-3 70B on four devices that share each layer:

        mlsysim eval ResNet50 A100 --batch-size 64

        mlsysim eval Llama3_8B H100 --breakdown --calibration none

        mlsysim eval Llama3_70B H100 --fidelity operator --tensor-parallel 4

    A scenario names a model and a fleet or hardware, gives whatever else solvers take, and claims what must hold:

        model: Llama3_70B
        fleet: Research_256
        tp_size: 8
        batch_size: 256
        region: Quebec
        duration_days: 30
        assert: ["mfu > 40 %", "carbon_footprint < 30 t"]

    It is judged by

        mlsysim eval scenario.yaml --walls

    Exit code 3 says that it does not fit, or that a claim does not hold.
    """
    asked = given(
        batch_size=batch_size,
        precision=precision,
        efficiency=efficiency,
        phase=phase,
        seq_len=seq_len,
        kv_precision=kv_precision,
        fidelity=fidelity,
        calibration=calibration,
        tensor_parallel=tensor_parallel,
        offload=offload,
    )
    if hardware is None and (model.endswith((".yaml", ".yml")) or Path(model).is_file()):
        flags = given(**asked, breakdown=breakdown or None, explain=explain or None)
        _judge(model, flags, walls, output)
        return
    if model.endswith((".yaml", ".yml")):
        raise InputError(f"{model} is a scenario and says on what it runs: leave {hardware} out")
    if hardware is None:
        raise InputError(f"HARDWARE is missing: mlsysim eval {model} H100; or give the YAML file of a scenario")
    if walls:
        raise InputError("--walls is for a scenario: mlsysim eval scenario.yaml --walls")
    if breakdown and fidelity not in (None, "operator"):
        raise InputError(f"--breakdown needs --fidelity operator, whose parts are kernels; got {fidelity!r}")
    from mlsysim import Engine

    device, workload = device_of(hardware), model_of(model)
    result = Engine.solve(workload, device, **({"fidelity": "operator"} if breakdown else {}) | asked)
    tables = {KERNELS: _kernels(result)} if breakdown else {}
    show_result(result, output, explain, tables, only=KERNELS if breakdown else None)


def _kernels(profile: PerformanceProfile) -> Table:
    kernels = profile.breakdown()
    return Table(kernels.HEADERS, kernels.rows(), kernels.operators, "<>>>><")


def _judge(file: str, flags: dict[str, Any], walls: bool, output: Output) -> None:
    from mlsysim.core.evaluation import SystemEvaluator
    from mlsysim.core.scenario import Scenario
    from mlsysim.core.wall_report import wall_report
    from mlsysim.units import UnitError

    for name in flags:
        option = f"--{name.replace('_', '-')}"
        if name in ("breakdown", "explain"):
            raise InputError(f"{option} is for MODEL HARDWARE; a scenario has several results")
        raise InputError(f"{option} is for MODEL HARDWARE: write {name} into {file}")
    try:
        scenario = Scenario.from_yaml(file)
        card = SystemEvaluator().evaluate(scenario)
        report = wall_report(scenario) if walls else None
    except UnitError as error:
        raise InputError(str(error)) from error
    if report is None:
        show_result(card, output)
    elif output is Output.json:
        show_result(card, output, more={"walls": report.to_dict()})
    elif output is Output.csv:
        say(csv_of(report.to_dict()["walls"]))
    else:
        parts = card, report
        say("\n\n".join(str(one) if output is Output.text else one.to_markdown() for one in parts))
    if not holds(card):
        raise typer.Exit(3)


def serve(
    model: Model,
    hardware: Device,
    batch_size: BatchSize = None,
    precision: Precision = None,
    efficiency: Efficiency = None,
    seq_len: SeqLen = None,
    output_tokens: Annotated[
        int | None,
        typer.Option("--output-tokens", "-n", help="Tokens of each answer: adds what a request sees when served."),
    ] = None,
    kv_precision: KVPrecision = None,
    fidelity: Fidelity = None,
    calibration: CalibrationLevel = None,
    tensor_parallel: TensorParallel = None,
    pipeline_parallel: Annotated[
        int | None, typer.Option(help="Devices, or groups, that hold the layers in turn.", show_default="1")
    ] = None,
    cached_tokens: Annotated[
        int | None,
        typer.Option(help="First tokens of each prompt whose keys and values are kept.", show_default="0"),
    ] = None,
    draft: Annotated[
        str | None,
        typer.Option(
            help="A small model that proposes tokens: speculative decoding.", autocompletion=completion.models
        ),
    ] = None,
    acceptance: Annotated[
        float | None, typer.Option(help="With --draft: probability that a proposed token is accepted.")
    ] = None,
    draft_tokens: Annotated[
        int | None, typer.Option(help="With --draft: tokens proposed in a step; 4 by default.")
    ] = None,
    explain: Explain = False,
    output: Form = Output.text,
) -> None:
    """Say how a language model serves requests: time to the first token and to each further one, memory by term.

    For instance, 16 requests of 4096 tokens at once; 64 users of a 70B model on four devices that share each layer; and
    one user whose tokens a small model proposes:

        mlsysim serve Llama3_8B H100 --batch-size 16 --seq-len 4096

        mlsysim serve Llama3_70B H100 -b 64 -s 1024 -n 1024 -p fp8 -f operator -t 4

        mlsysim serve Llama3_70B H200 -p fp8 --draft Llama3_8B --acceptance 0.8

    Exit code 3 says that they do not fit.
    """
    from mlsysim import ServingModel

    device, workload = device_of(hardware), model_of(model)
    if draft is None and draft_tokens is not None:
        raise InputError(f"--draft-tokens needs --draft, a model that proposes them; got {draft_tokens}")
    asked = given(
        batch_size=batch_size,
        precision=precision,
        efficiency=efficiency,
        seq_len=seq_len,
        output_tokens=output_tokens,
        kv_precision=kv_precision,
        fidelity=fidelity,
        calibration=calibration,
        tensor_parallel=tensor_parallel,
        pipeline_parallel=pipeline_parallel,
        cached_tokens=cached_tokens,
        draft_model=None if draft is None else model_of(draft),
        acceptance=acceptance,
        draft_tokens=draft_tokens,
    )
    show_result(ServingModel().solve(workload, device, **asked), output, explain)


def lower(
    model: Model,
    batch_size: BatchSize = None,
    precision: Precision = None,
    phase: Phase = None,
    seq_len: SeqLen = None,
    kv_precision: KVPrecision = None,
    tensor_parallel: Annotated[
        int | None, typer.Option("--tensor-parallel", "-t", help="Devices that share each layer.", show_default="1")
    ] = None,
    output: Form = Output.text,
) -> None:
    """List the kernels of one pass: what each multiplies, reads and writes, on one device.

    Figures are of one run; a terminal shows the main columns, the other forms have them all. For instance, reading a
    prompt on four devices, and a step of training:

        mlsysim lower Llama3_8B --phase prefill --seq-len 1024 --tensor-parallel 4 --output json

        mlsysim lower ResNet50 --phase training --batch-size 64
    """
    table = model_of(model).lower(
        **given(
            batch_size=batch_size,
            precision=precision,
            phase=phase,
            seq_len=seq_len,
            kv_precision=kv_precision,
            tensor_parallel=tensor_parallel,
        )
    )
    parts = ["traffic"] if output is Output.text else ["weights", "inputs", "outputs", "kv"]
    parts += ["message"] if (tensor_parallel or 1) > 1 else []
    headers = ["Operator", "Runs", "m×n×k", "FLOPs", *("KV" if part == "kv" else part.capitalize() for part in parts)]
    records = [row._asdict() | {"traffic": row.traffic} for row in table]
    show_table(output, headers, [_cells(row, parts) for row in table], "<>>>" + ">" * len(parts), records)


def _cells(row: Operator, parts: list[str]) -> list[str]:
    from mlsysim.units import pretty

    sides = (side for side in (row.m, row.n, row.k) if side is not None)
    shape = "×".join(f"{side:.4g}" if isinstance(side, float) else str(side) for side in sides)
    figures = [(row.flops, "flop"), *((getattr(row, part), "byte") for part in parts)]
    return [row.name, f"{row.count:g}", shape, *(pretty(value, unit) if value else "" for value, unit in figures)]
