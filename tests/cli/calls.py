"""Calls of the command line inside this process, which takes a hundredth of starting one."""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from subprocess import CompletedProcess
from typing import Any
from unittest.mock import patch

from mlsysim.cli import main


def call(*arguments: str) -> CompletedProcess[str]:
    """Return how a command ended and what it printed."""
    out, err = io.StringIO(), io.StringIO()
    with patch.object(sys, "argv", ["mlsysim", *arguments]), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as ended:
            return CompletedProcess(arguments, ended.code or 0, out.getvalue(), err.getvalue())
    raise AssertionError("main ends with a code")


def asked(*arguments: str) -> Any:
    """Return the JSON of an answer."""
    done = call(*arguments, "--output", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
