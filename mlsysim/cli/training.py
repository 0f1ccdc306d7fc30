"""The command that asks how a training step runs, on one device or on a fleet."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mlsysim.cli import completion
from mlsysim.cli.answers import Output, show_result
from mlsysim.cli.options import (
    Devices,
    Efficiency,
    Explain,
    Fabric,
    FleetName,
    Form,
    Model,
    OptionalDevice,
    SeqLen,
    device_of,
    fleet_of,
    given,
    listed,
    model_of,
)
from mlsysim.errors import InputError

DEVICE, FLEET = "One device", "A fleet"
Flag = bool | None
Count = int | None


def train(
    model: Model,
    hardware: OptionalDevice = None,
    fleet: FleetName = None,
    devices: Devices = None,
    fabric: Fabric = None,
    batch_size: Annotated[Count, typer.Option("--batch-size", "-b", help="Sequences or samples in a step.")] = None,
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
    optimizer: Annotated[
        str | None,
        typer.Option(help="What updates the weights.", autocompletion=completion.optimizers, show_default="adam"),
    ] = None,
    recompute: Annotated[
        str | None,
        typer.Option(
            help="What the backward pass computes again.",
            autocompletion=completion.recomputations,
            show_default="none; selective on a fleet",
        ),
    ] = None,
    flash_attention: Annotated[
        Flag, typer.Option("--flash-attention/--no-flash-attention", help="Whether scores stay on the chip.")
    ] = None,
    lora_rank: Annotated[
        Count, typer.Option(help="Rank of adapters that are trained instead.", rich_help_panel=DEVICE)
    ] = None,
    lora_targets: Annotated[
        str | None,
        typer.Option(
            help="The matrices that have one, with commas.", rich_help_panel=DEVICE, show_default="query,value"
        ),
    ] = None,
    offload: Annotated[
        Flag, typer.Option("--offload", help="Let states that do not fit spill to the host.", rich_help_panel=DEVICE)
    ] = None,
    tp_size: Annotated[
        Count, typer.Option("--tp-size", "-t", help="Tensor parallel.", rich_help_panel=FLEET, show_default="1")
    ] = None,
    pp_size: Annotated[Count, typer.Option(help="Pipeline parallel.", rich_help_panel=FLEET, show_default="1")] = None,
    cp_size: Annotated[Count, typer.Option(help="Context parallel.", rich_help_panel=FLEET, show_default="1")] = None,
    ep_size: Annotated[Count, typer.Option(help="Expert parallel.", rich_help_panel=FLEET, show_default="1")] = None,
    microbatch_size: Annotated[
        Count, typer.Option(help="Sequences of a replica at once.", rich_help_panel=FLEET, show_default="1")
    ] = None,
    microbatch_count: Annotated[
        Count, typer.Option(help="Or how many such groups a step has.", rich_help_panel=FLEET)
    ] = None,
    virtual_stages: Annotated[
        Count, typer.Option(help="Parts of the model on each stage.", rich_help_panel=FLEET, show_default="1")
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(
            help="Of the pipeline.", autocompletion=completion.schedules, rich_help_panel=FLEET, show_default="1f1b"
        ),
    ] = None,
    zero_stage: Annotated[
        Count,
        typer.Option(
            help="What replicas divide: 1 optimizer states, 2 gradients too, 3 weights too.",
            autocompletion=completion.zero_stages,
            rich_help_panel=FLEET,
            show_default="1",
        ),
    ] = None,
    shard_size: Annotated[
        Count, typer.Option(help="Among how many replicas; fewer is hybrid sharding.", rich_help_panel=FLEET)
    ] = None,
    sequence_parallel: Annotated[
        Flag,
        typer.Option(
            "--sequence-parallel/--no-sequence-parallel",
            help="Whether the tensor-parallel group divides what lies between its products.",
            rich_help_panel=FLEET,
        ),
    ] = None,
    gradient_precision: Annotated[
        str | None,
        typer.Option(
            help="Format of the gradients of weights.", autocompletion=completion.precisions, rich_help_panel=FLEET
        ),
    ] = None,
    dropout: Annotated[Flag, typer.Option("--dropout", help="Layers drop activations.", rich_help_panel=FLEET)] = None,
    fused: Annotated[
        Flag,
        typer.Option("--fused/--no-fused", help="Whether element-wise kernels are fused.", rich_help_panel=FLEET),
    ] = None,
    prefetch: Annotated[
        Flag,
        typer.Option("--prefetch/--no-prefetch", help="Whether ZeRO 3 gathers ahead.", rich_help_panel=FLEET),
    ] = None,
    overlap_comm: Annotated[
        Flag,
        typer.Option(
            "--overlap-comm/--no-overlap-comm",
            help="Whether the exchange of gradients runs beside the passes.",
            rich_help_panel=FLEET,
        ),
    ] = None,
    calibration: Annotated[
        str | None,
        typer.Option(
            "--calibration",
            "-c",
            help="What kernels reach.",
            autocompletion=completion.calibrations,
            rich_help_panel=FLEET,
            show_default="fitted",
        ),
    ] = None,
    congestion_factor: Annotated[
        float | None,
        typer.Option(help="How much longer traffic between nodes takes.", rich_help_panel=FLEET, show_default="1"),
    ] = None,
    straggler_factor: Annotated[
        float | None,
        typer.Option(help="How much slower the slowest device is.", rich_help_panel=FLEET, show_default="1"),
    ] = None,
    expert_imbalance: Annotated[
        float | None,
        typer.Option(help="Tokens of the busiest expert over the mean.", rich_help_panel=FLEET, show_default="1"),
    ] = None,
    explain: Explain = False,
    output: Form = Output.text,
) -> None:
    """Say how one training step runs: its time, where it goes, the memory by term, whether it fits.

    On one device; with adapters, and the optimizer in 8 bits:

        mlsysim train GPT2 H100 --batch-size 16

        mlsysim train Llama3_8B H100 --lora-rank 16 --optimizer adam_8bit

    On a cluster of the zoo, or on a number of devices:

        mlsysim train Llama3_70B --fleet Research_256 -b 256 --tp-size 8 --pp-size 4 --virtual-stages 5

        mlsysim train Llama3_8B H100 --devices 64 --fabric InfiniBand_NDR --zero-stage 3

    Exit code 3 says that it does not fit.
    """
    asked = given(
        batch_size=batch_size,
        seq_len=seq_len,
        precision=precision,
        efficiency=efficiency,
        optimizer=optimizer,
        recompute=recompute,
        flash_attention=flash_attention,
        lora_rank=lora_rank,
        lora_targets=None if lora_targets is None else listed(lora_targets),
        offload=offload,
        tp_size=tp_size,
        pp_size=pp_size,
        cp_size=cp_size,
        ep_size=ep_size,
        microbatch_size=microbatch_size,
        microbatch_count=microbatch_count,
        virtual_stages=virtual_stages,
        schedule=schedule,
        zero_stage=zero_stage,
        shard_size=shard_size,
        sequence_parallel=sequence_parallel,
        gradient_precision=gradient_precision,
        dropout=dropout,
        fused=fused,
        prefetch=prefetch,
        overlap_comm=overlap_comm,
        calibration=calibration,
        congestion_factor=congestion_factor,
        straggler_factor=straggler_factor,
        expert_imbalance=expert_imbalance,
    )
    show_result(_solved(model, hardware, fleet, devices, fabric, asked), output, explain)


def _solved(
    model: str, hardware: str | None, fleet: str | None, devices: int | None, fabric: str | None, asked: dict[str, Any]
) -> Any:
    from mlsysim import DistributedModel, TrainingModel
    from mlsysim.core.signatures import inputs_of

    alone = fleet is None and devices is None
    solver, what = (TrainingModel, "one device") if alone else (DistributedModel, "a fleet")
    for name in asked:
        if name not in inputs_of(solver):
            option = f"--{name.replace('_', '-')}"
            hint = "give --fleet, or --devices, too" if alone else "leave it out, or train on one device"
            raise InputError(f"{option} does not apply to {what}: {hint}")
    if not alone:
        machines = fleet_of(fleet, hardware, devices, fabric)
        return DistributedModel().solve(model_of(model), machines, **asked)
    if hardware is None:
        raise InputError(f"HARDWARE or --fleet is missing: mlsysim train {model} H100")
    if fabric is not None:
        raise InputError(f"--fabric {fabric} joins nodes: give --devices too")
    return TrainingModel().solve(model_of(model), device_of(hardware), **asked)
