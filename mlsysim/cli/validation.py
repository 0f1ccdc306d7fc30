"""The command that says how far off predictions are."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Form(StrEnum):
    """The forms of a comparison."""

    text = "text"
    json = "json"
    markdown = "markdown"
    csv = "csv"


def _levels() -> list[str]:
    from mlsysim.validation.adapters import LEVELS

    return list(LEVELS)


def _groups() -> list[str]:
    from mlsysim.validation.report import GROUPS

    return list(GROUPS)


def validate(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Published results in JSON or CSV; left out, those of the package.", metavar="[FILE]..."),
    ] = None,
    by: Annotated[
        str, typer.Option(help="Group by domain, source, hardware, model or metric.", autocompletion=_groups)
    ] = "domain",
    level: Annotated[
        str,
        typer.Option(
            "--level",
            "-l",
            help="What kernels reach: 'speed of light', 'datasheet' (universal constants) or 'fitted' (timings).",
            autocompletion=_levels,
        ),
    ] = "fitted",
    output: Annotated[Form, typer.Option("--output", "-o", help="Form of the answer.")] = Form.text,
) -> None:
    """Say how far off predictions are: published results, each beside what we predict for it.

    JSON holds a list of records with id, domain, inputs, measured and source, as those of the package do; CSV holds
    served points, with the columns model, system, precision, tensor_parallel, input_tokens, output_tokens, concurrency,
    and ttft_ms or tpot_ms. For instance, all published results; those of one kind of hardware; and a bench of your own:

        mlsysim validate

        mlsysim validate --by hardware --level datasheet

        mlsysim validate served.csv --output json

    Errors are percentages of what was measured; above zero, we predict more.
    """
    from mlsysim.validation.runner import validate as compare

    report = compare(files or None, level, by)
    if output is Form.json:
        typer.echo(json.dumps(report.to_dict(), indent=2, ensure_ascii=False))
    else:
        texts = {Form.text: report.__str__, Form.markdown: report.to_markdown, Form.csv: report.to_csv}
        typer.echo(texts[output](), nl=output is not Form.csv)
