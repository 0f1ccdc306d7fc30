"""Commands that ask a solver."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mlsysim.cli.options import (
    BatchSize,
    Device,
    Efficiency,
    Explain,
    Form,
    KVPrecision,
    Model,
    Output,
    Precision,
    SeqLen,
)


def evaluate(
    model: Model,
    hardware: Device,
    batch_size: BatchSize = 1,
    precision: Precision = "fp16",
    efficiency: Efficiency = None,
    phase: Annotated[str | None, typer.Option(help="decode or prefill, for a language model.")] = None,
    seq_len: SeqLen = None,
    kv_precision: KVPrecision = None,
    explain: Explain = False,
    output: Form = Output.text,
) -> None:
    """Say how one forward pass runs on one device: its time, what limits it, whether it fits.

    For instance, ResNet-50 on an A100, 64 images at once:

        mlsysim eval ResNet50 A100 --batch-size 64

    Exit code 3 says that it does not fit.
    """
    from mlsysim import Engine, Hardware, Models

    device, workload = Hardware[hardware], Models[model]
    _show(
        Engine.solve(
            workload, device, batch_size, precision, efficiency, phase=phase, seq_len=seq_len, kv_precision=kv_precision
        ),
        explain,
        output,
    )


def serve(
    model: Model,
    hardware: Device,
    batch_size: BatchSize = 1,
    precision: Precision = "fp16",
    efficiency: Efficiency = None,
    seq_len: SeqLen = None,
    kv_precision: KVPrecision = None,
    explain: Explain = False,
    output: Form = Output.text,
) -> None:
    """Say how a language model serves requests: time to the first token and to each further one, memory by term.

    For instance, 16 requests of 4096 tokens at once:

        mlsysim serve Llama3_8B H100 --batch-size 16 --seq-len 4096

    Exit code 3 says that they do not fit.
    """
    from mlsysim import Hardware, Models, ServingModel

    device, workload = Hardware[hardware], Models[model]
    length = {} if seq_len is None else {"seq_len": seq_len}
    _show(
        ServingModel().solve(
            workload,
            device,
            batch_size=batch_size,
            precision=precision,
            efficiency=efficiency,
            kv_precision=kv_precision,
            **length,
        ),
        explain,
        output,
    )


def _show(result: Any, explain: bool, output: Output) -> None:
    forms = {Output.text: str, Output.json: type(result).to_json, Output.markdown: type(result).to_markdown}
    typer.echo(forms[output](result))
    if explain:
        derivation = result.explain()
        typer.echo(f"\n{derivation if output is Output.text else derivation.to_markdown()}")
    if not result.feasible:
        raise typer.Exit(3)
