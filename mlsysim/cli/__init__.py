"""The command line: commands that ask, that search, that measure, and that look facts up."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from mlsysim import __version__
from mlsysim.cli import optimizing
from mlsysim.cli.auditing import audit
from mlsysim.cli.questions import evaluate, lower, serve
from mlsysim.cli.reference import cite, schema, walls, zoo
from mlsysim.cli.solving import solve
from mlsysim.cli.sweeping import sweep
from mlsysim.cli.training import train
from mlsysim.cli.validation import validate
from mlsysim.errors import InputError, InputTypeError

INTERRUPTED = 130
"""What a shell reports of a program that Ctrl-C ended: 128 + SIGINT."""
CLOSED_PIPE = 141
"""What a shell reports of a program whose reader went away, as `head` does: 128 + SIGPIPE."""

app = typer.Typer(
    name="mlsysim",
    help="Will it fit, how fast, what limits it: predictions for machine-learning systems, from first principles.",
    epilog="Exit codes: 0 answered, 2 the question is wrong, 3 it does not fit, or a claim does not hold.",
    pretty_exceptions_enable=False,
)
app.command("eval")(evaluate)
app.command("serve")(serve)
app.command("train")(train)
app.command("sweep")(sweep)
app.add_typer(optimizing.app, name="optimize")
app.command("audit")(audit)
app.command("validate")(validate)
app.command("solve")(solve)
app.command("lower")(lower)
app.command("zoo")(zoo)
app.command("cite")(cite)
app.command("schema")(schema)
app.command("walls")(walls)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"mlsysim {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _start(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """Run the command line; what is wrong with the question is said in one line, with exit code 2."""
    try:
        code = app(prog_name="mlsysim", standalone_mode=False)
    except SystemExit as ended:  # which typer raises where the pipe is closed
        sys.exit(CLOSED_PIPE if ended.code == 1 else ended.code)
    except typer.TyperException as error:
        _wrong(error.format_message())
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(INTERRUPTED)
    except (TypeError, ValueError) as error:
        from mlsysim.units import UnitError

        if not isinstance(error, InputError | InputTypeError | UnitError):
            raise
        _wrong(str(error))
    else:
        sys.exit(code)


def _wrong(message: str) -> None:
    print(f"mlsysim: {message}", file=sys.stderr)
    sys.exit(2)
