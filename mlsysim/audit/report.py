"""An audit: this machine as a record, and predictions of NumPy work on it beside its time."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import yaml

from mlsysim.audit.machine import TIMES_THE_CACHE, Machine, array_size, disk, machine, product_rate, stream_bandwidth
from mlsysim.audit.perceptron import CASES, Case, Perceptron, measured
from mlsysim.core.engine import Engine
from mlsysim.core.progress import progress
from mlsysim.core.result import Field, Result, Rows
from mlsysim.errors import boolean
from mlsysim.hardware.types import HardwareNode
from mlsysim.tables import html_table, markdown_table, text_table
from mlsysim.units import pretty

BUSY = 0.25
"""Programs for each core above which an audit says that the machine was busy."""
SOURCE = "mlsysim audit, on the machine itself"
HEADERS = ["Work", "Batch×width×layers", "As one point", "By passes", "Measured", "Error", "Limit"]
ALIGN = "<>>>>><"
POINTS = Rows(
    shows=str,
    batch=int,
    width=int,
    layers=int,
    roofline=float,
    operators=float,
    measured=float,
    error=float,
    bottleneck=str,
)


class Audit(Result):
    """What this machine was measured to reach, and how far predictions from that are off."""

    machine = Field("Machine", kind=str)
    measured_on = Field("Measured on", kind=str)
    cores = Field("Cores", kind=int)
    blas = Field("BLAS of NumPy", kind=str)
    threads = Field("  its threads", kind=int | None)
    peak_fp32 = Field("Products in fp32", "flop/s", "GFLOP/s")
    peak_fp64 = Field("Products in fp64", "flop/s", "GFLOP/s")
    bandwidth = Field("Memory bandwidth", "byte/s", "GB/s")
    bandwidth_one_thread = Field("  of one thread", "byte/s", "GB/s")
    bandwidth_threads = Field("  threads", kind=int)
    array = Field("  each of three arrays", "byte", "MB")
    cache = Field("  last cache", "byte", "MB", kind=float | None)
    memory = Field("Memory", "byte", "GB")
    disk_write = Field("Disk, written and flushed", "byte/s", "MB/s")
    disk_read = Field("Disk, read", "byte/s", "MB/s")
    disk_capacity = Field("Disk", "byte", "GB")
    predictions = Field("Predictions", hidden=True, kind=POINTS)
    largest_error = Field("Largest error of a prediction", kind=float)
    notes = Field("Notes", kind=tuple[str, ...])

    @property
    def node(self) -> HardwareNode:
        """This machine as a device, for any solver."""
        return HardwareNode.from_record(self._record())

    def to_yaml(self, name: str = "this_machine") -> str:
        """Return a record of this machine, which ``Hardware.load`` reads from a file."""
        return yaml.safe_dump({name: self._record()}, sort_keys=False, allow_unicode=True)

    def _record(self) -> dict[str, Any]:
        plain = self.plain
        threads = "threads not known" if plain["threads"] is None else _counted(plain["threads"])

        def figure(value: float, unit: str, condition: str) -> dict[str, Any]:
            about = {"source": SOURCE, "date": plain["measured_on"], "condition": condition}
            return {"value": float(value), "unit": unit} | about

        reached = "the peak is itself that of measured products"
        peaks = {
            name: figure(plain[f"peak_{name}"], "flop/s", f"product of square matrices, {plain['blas']}, {threads}")
            for name in ("fp32", "fp64")
        }
        streamed = f"two arrays read and one written, {_counted(plain['bandwidth_threads'])}"
        return {
            "name": plain["machine"],
            "compute": {"peak_precision": "fp32", "precision_flops": peaks},
            "memory": {
                "capacity": figure(plain["memory"], "byte", "as the system reports"),
                "bandwidth": figure(plain["bandwidth"], "byte/s", streamed),
            },
            "storage": {
                "capacity": figure(plain["disk_capacity"], "byte", "as the system reports"),
                "bandwidth": figure(plain["disk_read"], "byte/s", "a file read from its first to its last byte"),
            },
            "efficiency": {name: figure(1.0, "dimensionless", reached) for name in peaks},
        }

    def _table(self) -> tuple[list[str], list[list[str]], str]:
        cells = [
            [
                row["shows"],
                f"{row['batch']}×{row['width']}×{row['layers']}",
                *(pretty(row[name], "s") for name in ("roofline", "operators", "measured")),
                f"{row['error']:+.0%}",
                row["bottleneck"],
            ]
            for row in self.plain["predictions"]
        ]
        return HEADERS, cells, ALIGN

    def __str__(self) -> str:
        return f"{super().__str__()}\n\n{text_table(*self._table())}"

    def to_markdown(self) -> str:
        """Return the measurements and the predictions as Markdown tables."""
        return f"{super().to_markdown()}\n\n{markdown_table(*self._table())}"

    def _repr_html_(self) -> str:
        return super()._repr_html_() + html_table(*self._table())


def audit(folder: str | Path = ".", *, quick: bool = False) -> Audit:
    """Measure this machine, then predict work in NumPy from that and time it.

    Products, additions of large arrays and a file are each timed several times, and the best counts. The work is a
    perceptron of three sizes: it is predicted as one point on the roofline and pass by pass, at the measured peak and
    bandwidth, without any constant that was fitted to it.

    Parameters
    ----------
    folder
        Where a file is written and removed again, to measure the disk.
    quick
        Fewer runs, and a smaller file.

    Returns
    -------
    Audit
        Its `node` is this machine as a device; `to_yaml` writes that down; `explain` derives the last prediction.

    Raises
    ------
    InputError, InputTypeError
        If the folder cannot be written to, or for a flag that is none.
    ImportError
        Without psutil or threadpoolctl: ``pip install mlsysim[audit]``.

    Examples
    --------
    >>> found = audit(quick=True)  # doctest: +SKIP
    >>> found.node.ridge_point("fp32")  # doctest: +SKIP
    <Quantity(8.2, 'FLOP / byte')>
    """
    repeats = 3 if boolean("quick", quick) else 5
    about = machine()
    threads, array = about.threads or about.cores, array_size(about.cache, about.memory)
    with progress("Measuring", total=5 + len(CASES)) as advance:

        def done(value: Any) -> Any:
            advance(1)
            return value

        file = done(disk(Path(folder), (64 if quick else 256) * 2**20))
        one = done(stream_bandwidth(array, 1, repeats))
        all_of_them = done(stream_bandwidth(array, threads, repeats))
        peaks = {name: done(product_rate(name, repeats)[0]) for name in ("fp32", "fp64")}
        times = [done(measured(case, threads, repeats)) for case in CASES]
    values = {
        "machine": about.name,
        "measured_on": date.today().isoformat(),
        "cores": about.cores,
        "blas": about.blas,
        "threads": about.threads,
        "peak_fp32": peaks["fp32"],
        "peak_fp64": peaks["fp64"],
        "bandwidth": max(one, all_of_them),
        "bandwidth_one_thread": one,
        "bandwidth_threads": threads if all_of_them >= one else 1,
        "array": array,
        "cache": about.cache,
        "memory": about.memory,
        "disk_write": file.write,
        "disk_read": file.read,
        "disk_capacity": file.capacity,
        "notes": (*_notes(about, array, repeats), *file.notes),
    }
    return reported(values, dict(zip(CASES, times, strict=True)))


def reported(values: dict[str, Any], times: dict[Case, float]) -> Audit:
    """Return the audit of measured values, with the predictions that follow from them beside the times."""
    node = Audit(**values, predictions=(), largest_error=0.0).node
    rows = []
    for case, time in times.items():
        work = Perceptron(name=f"perceptron {case.width} x {case.layers}", width=case.width, layers=case.layers)
        point = Engine.solve(work, node, case.batch, "fp32")
        passes = Engine.solve(work, node, case.batch, "fp32", fidelity="operator", calibration="none")
        predicted = passes.plain["latency"]
        rows.append(
            {"shows": case.shows, "batch": case.batch, "width": case.width, "layers": case.layers}
            | {"roofline": point.plain["latency"], "operators": predicted, "measured": time}
            | {"error": predicted / time - 1, "bottleneck": point.bottleneck}
        )
    largest = max((row["error"] for row in rows), key=abs)
    found = Audit(**values, predictions=tuple(rows), largest_error=largest)
    return found.asked_by(lambda: Engine.solve(work, node, case.batch, "fp32", fidelity="operator", calibration="none"))


def _counted(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"


def _notes(about: Machine, array: int, repeats: int) -> list[str]:
    notes = [f"each figure is the best of {repeats} runs; other programs that ran meanwhile make it worse"]
    if about.load is not None and about.load > BUSY * about.cores:
        notes.append(f"the machine was busy before: {about.load:.1f} programs ran on {about.cores} cores")
    if about.threads is None:
        notes.append("the BLAS cannot be asked for its threads: passes over memory use one for each core")
    if about.cache is None:
        notes.append("the size of the last cache is not known: the arrays may not be four times as large")
    elif array < TIMES_THE_CACHE * about.cache:
        notes.append("each array is less than four times the last cache: it may help, and the bandwidth be too high")
    return notes
