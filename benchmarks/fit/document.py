"""The constants of all devices as entries, as YAML, as a table, and against a file in place."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from benchmarks.fit import attention, collectives, gemm
from benchmarks.fit.measured import DEVICES, device

FILE = Path(__file__).parents[2] / "mlsysim" / "hardware" / "data" / "kernels.yaml"
DATE = "2026-11-21"
"""When the timings were taken from their source."""

CONSTANTS = (
    "efficiency",
    "memory_efficiency",
    "half_length",
    "floor_us",
    "setup_us",
    "latency_us",
    "bandwidth_GBps",
)
ERRORS = ("median_error", "p90_error", "held_out_error")

HEADER = """\
# Written by `python -m benchmarks.fit` from the timings in benchmarks/measured; do not edit.
#
# The timings are those of NVIDIA's aiconfigurator-core 0.12.0, Copyright (c) 2025-2026 NVIDIA CORPORATION & AFFILIATES,
# Apache License, Version 2.0. They were changed: extracted, converted, fitted, rounded. Taken on {date}.
#
# Each constant is fitted to the fastest of the engines at each point that all of them were timed at, after rows that
# beat the speed of light were rejected (and all rows of an engine of which more than a fifth did). An error is
# |predicted/measured - 1|; the held-out one is the median over shapes that were left out of the fit in turn.
# What one fit does not describe is left out: collectives of the L40S, whose bandwidth depends on the sockets between.
"""


def fitted() -> dict[str, dict[str, Any]]:
    """Return the entry of each device, by its name in our registry."""
    return {name: _entry(system) for system, name in DEVICES.items()}


def _entry(system: str) -> dict[str, Any]:
    return {
        "name": device(system).name,
        "source": "aiconfigurator2026",
        "date": DATE,
        "gemm": gemm.fit(system),
        "decode_attention": attention.fit_decode(system),
        "prefill_attention": attention.fit_prefill(system),
        **{op: collectives.fit(system, op) for op in collectives.TIME},
        "launch": collectives.fit_launch(system),
    }


def document(entries: dict[str, dict[str, Any]]) -> str:
    """Return entries as YAML, a line each fit."""
    lines = [HEADER.format(date=DATE)]
    for name, entry in entries.items():
        lines.append(f"{name}:")
        for key, value in entry.items():
            if not isinstance(value, dict):
                lines.append(f"  {key}: {_flow(value)}")
                continue
            lines.append(f"  {key}:" if value else f"  {key}: {{}}")
            lines.extend(f"    {kind}: {_flow(fit)}" for kind, fit in value.items())
        lines.append("")
    return "\n".join(lines)


def _flow(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=math.inf, allow_unicode=True)
    return text.removesuffix("...\n").strip()


def read() -> dict[str, dict[str, Any]]:
    """Return the entries of the file in place."""
    return yaml.safe_load(FILE.read_text("utf-8"))


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        yield path, value
        return
    for key, below in value.items():
        yield from _leaves(below, f"{path}.{key}" if path else key)


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return where two sets of entries differ by more than one unit of the last digit that is written."""
    before, after = dict(_leaves(old)), dict(_leaves(new))
    return [
        f"{path}: {before.get(path)} in the file, {after.get(path)} fitted"
        for path in before | after
        if not _same(before.get(path), after.get(path))
    ]


def _same(old: Any, new: Any) -> bool:
    if not isinstance(old, float) or not isinstance(new, float):
        return old == new
    digit = 10.0 ** (math.floor(math.log10(max(abs(old), abs(new)))) - 2) if old or new else 0.0
    return abs(old - new) <= 1.01 * digit


def rows(entries: dict[str, dict[str, Any]]) -> list[list[str]]:
    """Return the table of all fits: constants and errors."""
    found = []
    for device_name, entry in entries.items():
        for key, fits in entry.items():
            for kind, fit in fits.items() if isinstance(fits, dict) else ():
                constants = [f"{name} {value:g}" for name, value in fit.items() if name in CONSTANTS]
                shares = [f"{fit[name]:.1%}" if name in fit else "–" for name in ERRORS]
                counts = [str(fit["rows"]), str(fit["rejected"])]
                found.append([device_name, f"{key} {kind}", ", ".join(constants), *counts, *shares])
    return found
