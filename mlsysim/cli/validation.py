"""The command that says how far off predictions are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlsysim.cli import completion
from mlsysim.cli.answers import Output, json_of, say
from mlsysim.cli.options import Form


def validate(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Published results in JSON or CSV; left out, those of the package.", metavar="[FILE]..."),
    ] = None,
    by: Annotated[
        str,
        typer.Option(help="Group by domain, source, hardware, model or metric.", autocompletion=completion.groupings),
    ] = "domain",
    level: Annotated[
        str,
        typer.Option(
            "--level",
            "-l",
            help="What kernels reach: 'speed of light', 'datasheet' (universal constants) or 'fitted' (timings).",
            autocompletion=completion.levels,
        ),
    ] = "fitted",
    output: Form = Output.text,
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
    if output is Output.json:
        say(json_of(report.to_dict()))
    else:
        texts = {Output.text: report.__str__, Output.markdown: report.to_markdown, Output.csv: report.to_csv}
        say(texts[output]().rstrip("\n"))
