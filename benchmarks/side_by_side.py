"""Measure mlsysim beside its public releases 0.1.1 and 0.3.0, on the same work, in the same run.

Each question runs in fresh interpreters, ours and theirs in turn; what counts is the median of the rounds, and the
ratio of each round for the spread. The releases are installed from PyPI into environments of their own. The last
recorded table is `benchmarks/recorded.json`, which a page of the site shows.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from rich.progress import Progress

from mlsysim import __version__
from mlsysim.tables import text_table

RELEASES = ("0.1.1", "0.3.0")
RECORDED = Path(__file__).with_name("recorded.json")

START = "import time; start = time.perf_counter()\n"
STOP = "\nprint(time.perf_counter() - start)"
TIMED = """
import statistics, timeit
{setup}
first = timeit.timeit(ask, number=1)
number = min(2000, max(1, int(0.2 / first)))
print(first if first > 1 else statistics.median(timeit.repeat(ask, number=number, repeat=5)) / number)
"""
NAMES = """
import mlsysim
llama, resnet = mlsysim.Models.Language.Llama3_8B, mlsysim.Models.Vision.ResNet50
A100, H100 = mlsysim.Hardware.Cloud.A100, mlsysim.Hardware.Cloud.H100
solve, sweep = mlsysim.Engine.solve, mlsysim.Engine.sweep
"""
FOUR = "batches, formats = [*range(1, 1251)], ['fp16', 'int8']\nhardware = [A100, H100] * 2\n"
DSE = """
from mlsysim.core.dse import DSE
dse = DSE(space={{"batch_size": [*range(1, 5001)], "precision": ["fp16", "int8"]}}, objective="maximize: throughput",
          constraints=["latency < {limit}"])
"""
CALLABLE = """
def evaluate(params):
    found = solve(llama, H100, batch_size=params["batch_size"], precision=params["precision"])
    return {"throughput": found.throughput.magnitude, "latency": found.latency.to("ms").magnitude}
"""
OWN_FUNCTION = DSE.format(limit="100") + CALLABLE + "ask = lambda: dse.search(evaluate)"


class Question(NamedTuple):
    """What is measured: how we are asked, and how those releases are that can answer; each snippet prints seconds."""

    name: str
    ours: str
    theirs: str | None = None
    releases: tuple[str, ...] = RELEASES

    @classmethod
    def timed(cls, name: str, ours: str, theirs: str | None = None, releases: tuple[str, ...] = RELEASES) -> Question:
        """Return a question whose snippets define `ask`, which is repeated."""
        ask = theirs and TIMED.format(setup=NAMES + theirs)
        return cls(name, TIMED.format(setup=NAMES + ours), ask, releases if theirs else ())


def same(name: str, ask: str, releases: tuple[str, ...] = RELEASES) -> Question:
    """Return a question that all are asked in the same words."""
    return Question.timed(name, ask, ask, releases)


QUESTIONS = (
    Question("import mlsysim", f"{START}import mlsysim{STOP}", f"{START}import mlsysim{STOP}"),
    Question(
        "import, then one answer",
        f"{START}{NAMES}\nsolve(resnet, A100){STOP}",
        f"{START}{NAMES}\nsolve(resnet, A100){STOP}",
    ),
    same("solve ResNet-50 on A100", "ask = lambda: solve(resnet, A100)"),
    same("solve Llama-3 8B on H100", "ask = lambda: solve(llama, H100)"),
    Question.timed("  kernel by kernel", "ask = lambda: solve(llama, H100, fidelity='operator')"),
    same(
        "serve Llama-3 8B on H100",
        "serve = mlsysim.ServingModel().solve\nask = lambda: serve(llama, H100, seq_len=2048)",
        ("0.1.1",),
    ),
    Question.timed(
        "  kernel by kernel",
        "serve = mlsysim.ServingModel().solve\nask = lambda: serve(llama, H100, seq_len=2048, fidelity='operator')",
    ),
    same(
        "sweep 10,000 configurations",
        FOUR + "ask = lambda: sweep(llama, hardware, batch_sizes=batches, precisions=formats, efficiency=0.5)",
    ),
    Question.timed(
        "sweep 1,000,000 configurations",
        "batches = range(1, 1_000_001)\nask = lambda: sweep(llama, H100, batch_sizes=batches)",
    ),
    Question.timed(
        "  kernel by kernel",
        "batches = range(1, 1_000_001)\nask = lambda: sweep(llama, H100, batch_sizes=batches, fidelity='operator')",
    ),
    Question.timed(
        "search 10,000 configurations, built in",
        DSE.format(limit="100 ms") + "ask = lambda: dse.search(mlsysim.SingleNodeModel(), model=llama, hardware=H100)",
        OWN_FUNCTION,
        ("0.1.1",),
    ),
    same("  with a function of one's own", OWN_FUNCTION, ("0.1.1",)),
    Question.timed(
        "every split of 70B over 8,192 GPUs",
        "fleet, split = mlsysim.Systems.Clusters.Frontier_8K, mlsysim.ParallelismOptimizer().solve\n"
        "big = mlsysim.Models.Language.Llama3_70B\nask = lambda: split(big, fleet, batch_size=8192)",
        "fleet, split = mlsysim.Systems.Clusters.Frontier_8K, mlsysim.ParallelismOptimizer().solve\n"
        "big = mlsysim.Models.Language.Llama3_70B\nask = lambda: split(big, fleet, batch_size=8192)",
        ("0.1.1",),
    ),
    Question(
        "mlsysim --help",
        "import subprocess, sys, time; start = time.perf_counter()\n"
        "run = [sys.executable, '-c', 'from mlsysim.cli import main; main()', '--help']\n"
        f"subprocess.run(run, check=True, stdout=subprocess.DEVNULL){STOP}",
    ),
)

STREAM = """
import resource, sys, tempfile, time
from mlsysim import Hardware, Models, SingleNodeModel, stream
inputs = {{"model": Models.Llama3_8B, "hardware": [Hardware.A100, Hardware.H100], "precision": ["fp16", "int8"],
          "seq_len": range(64, 6464, 64), "batch_size": range(1, {batches} + 1)}}
with tempfile.TemporaryDirectory() as folder:
    start = time.perf_counter()
    found = stream(SingleNodeModel(), folder, inputs, figures=["latency", "throughput", "feasible"])
    print(time.perf_counter() - start, sum(file.stat().st_size for file in found.files),
          1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
SWEEP_MEMORY = """
import resource
from mlsysim import Engine, Hardware, Models
Engine.sweep(Models.Llama3_8B, Hardware.H100, batch_sizes=[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows = Engine.sweep(Models.Llama3_8B, Hardware.H100, batch_sizes=range(1, 1_000_001))
print(1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
"""


def run(python: str, code: str) -> list[float]:
    """Return the numbers that a snippet prints when a fresh interpreter runs it."""
    ours = {"PYTHONPATH": str(Path(__file__).parents[1])} if python == sys.executable else {}
    found = subprocess.run(
        [python, "-c", code], check=True, capture_output=True, text=True, cwd="/", env=os.environ | ours
    )
    return [float(number) for number in found.stdout.split()]


def machine() -> dict[str, Any]:
    """Return what a reader must know of the machine."""
    info = Path("/proc/cpuinfo")
    names = [line.partition(": ")[2] for line in info.read_text().splitlines() if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.system(),
    }


def measured(folder: Path, rounds: int, bar: Progress) -> Iterator[dict[str, Any]]:
    """Yield each question with the median of ours, and of each release, and the ratios of the rounds."""
    pythons = {}
    for release in bar.track(RELEASES, description="Installing the releases"):
        home = folder / release
        venv.create(home, with_pip=True)
        pythons[release] = str(home / "bin" / "python")
        subprocess.run([pythons[release], "-m", "pip", "install", "--quiet", f"mlsysim=={release}"], check=True)
    known: dict[tuple[str, str], list[float]] = {}
    for question in bar.track(QUESTIONS, description="Measuring"):
        ours: list[float] = []
        asked = question.theirs or ""
        theirs = {release: known.setdefault((release, asked), []) for release in question.releases if asked}
        for _ in range(rounds):
            ours += run(sys.executable, question.ours)
            for release, times in theirs.items():
                if len(times) < rounds:
                    times += run(pythons[release], asked)
        row = {"name": question.name, "seconds": median(ours), "spread": [min(ours), max(ours)], "releases": {}}
        for release, times in theirs.items():
            ratios = [other / own for own, other in zip(ours, times, strict=True)]
            row["releases"][release] = {
                "seconds": median(times),
                "ratio": median(ratios),
                "spread": [min(ratios), max(ratios)],
            }
        yield row


def streamed(sizes: list[int], bar: Progress) -> Iterator[dict[str, Any]]:
    """Yield time, size on disk and memory of sweeps that are written to disk."""
    for size in bar.track(sizes, description="Streaming to disk"):
        seconds, written, memory = run(sys.executable, STREAM.format(batches=size // 400))
        yield {"configurations": size, "seconds": seconds, "bytes": written, "memory": memory}


def text(seconds: float) -> str:
    """Return a time as a reader wants it."""
    return (
        f"{seconds:.2f} s"
        if seconds >= 1
        else f"{1e3 * seconds:.3g} ms"
        if seconds >= 1e-3
        else f"{1e6 * seconds:.3g} µs"
    )


def table(found: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return the headers and the rows of a recorded comparison, as a reader wants them.

    Examples
    --------
    >>> one = {"seconds": 0.002, "ratio": 40.0, "spread": [35.0, 44.0]}
    >>> row = {"name": "solve", "seconds": 5e-05, "spread": [4e-05, 6e-05], "releases": {"0.1.1": one}}
    >>> table({"questions": [row]})[1]
    [['solve', '50 µs', '2 ms', '40× (35-44)', '', '']]
    """
    rows = []
    for row in found["questions"]:
        cells = [row["name"], text(row["seconds"])]
        for release in RELEASES:
            other = row["releases"].get(release)
            cells += [text(other["seconds"]), _ratio(other)] if other else ["", ""]
        rows.append(cells)
    return ["Question", "Ours", *(part for name in RELEASES for part in (f"Release {name}", "Ratio"))], rows


def _ratio(other: dict[str, Any]) -> str:
    ratio, (least, most) = other["ratio"], other["spread"]
    digits = 0 if ratio >= 10 else 1
    return f"{ratio:,.{digits}f}× ({least:,.{digits}f}-{most:,.{digits}f})"


def main() -> None:
    """Measure, print the tables, and record them where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each question (default 5)")
    parser.add_argument("--largest", type=float, default=1e8, help="largest sweep written to disk (default 1e8)")
    parser.add_argument("--record", action="store_true", help=f"keep the result in {RECORDED.name}")
    asked = parser.parse_args()
    sizes = [size for size in (10**6, 10**7, 10**8, 10**9) if size <= asked.largest]
    with Progress() as bar, tempfile.TemporaryDirectory() as folder:
        found: dict[str, Any] = {
            "date": date.today().isoformat(),
            "version": __version__,
            "machine": machine(),
            "rounds": asked.rounds,
            "questions": [*measured(Path(folder), asked.rounds, bar)],
            "sweep_memory": run(sys.executable, SWEEP_MEMORY)[0],
            "streams": [*streamed(sizes, bar)],
        }
    headers, rows = table(found)
    print(text_table(headers, rows, "<" + ">" * (len(headers) - 1)))
    print(f"\nmemory of a sweep of 1,000,000 configurations: {found['sweep_memory'] / 1e6:.0f} MB")
    for one in found["streams"]:
        rate, disk = one["configurations"] / one["seconds"] / 1e6, one["bytes"] / 1e6
        print(
            f"{one['configurations']:,} configurations on disk: {text(one['seconds'])} ({rate:.1f} million a second),"
            f" {disk:,.0f} MB, {one['memory'] / 1e6:.0f} MB of memory"
        )
    if asked.record:
        RECORDED.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
