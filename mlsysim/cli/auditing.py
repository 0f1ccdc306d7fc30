"""The command that measures this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlsysim.cli.answers import Output, say, show_result
from mlsysim.cli.options import Explain, Form
from mlsysim.errors import InputError


def audit(
    folder: Annotated[Path, typer.Option(help="Where a file is written and removed, to measure the disk.")] = Path("."),
    quick: Annotated[bool, typer.Option("--quick", help="Fewer runs, a smaller file.")] = False,
    to: Annotated[
        Path | None, typer.Option(help="Write the record of this machine to FILE.yaml, for HARDWARE elsewhere.")
    ] = None,
    explain: Explain = False,
    output: Form = Output.text,
) -> None:
    """Measure this machine, predict work in NumPy from that, and show prediction beside measurement.

    Products, a stream through memory and a file are timed; the work is a perceptron of three sizes, predicted without
    any constant that was fitted to it. It takes some seconds, and the machine should do nothing else meanwhile:

        mlsysim audit

    The record of this machine answers questions about it:

        mlsysim audit --to laptop.yaml

        mlsysim eval ResNet50 laptop.yaml --precision fp32
    """
    from mlsysim.audit import audit as measure

    if to is not None and to.suffix not in (".yaml", ".yml"):
        raise InputError(f"--to must end in .yaml or .yml; got {to}")
    try:
        found = measure(folder, quick=quick)
    except ImportError as error:
        raise InputError(str(error)) from error
    if to is not None:
        try:
            to.write_text(found.to_yaml(), encoding="utf-8")
        except OSError as error:
            raise InputError(f"--to {to} cannot be written: {error}") from error
    show_result(found, output, explain)
    if to is not None and output is Output.text:
        say(f"\nThe record of this machine is in {to}.")
