"""The time of the host in a step of a serving engine, fitted to every other published point of served models.

`python -m benchmarks.fit.served` prints it, and the errors of the other points.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

from scipy.optimize import minimize_scalar

from mlsysim.validation.adapters.serving import served
from mlsysim.validation.records import Measurement, load

FILE = Path(__file__).parents[1] / "measured" / "serving_llama_e2e.csv"


class Served(NamedTuple):
    """One published point: what was asked, and what was measured [s]."""

    record: Measurement
    tpot: float

    def predict(self, level: str = "fitted", host_overhead: bool = True) -> float:
        """Return our time per output token [s]."""
        plain = served(self.record, level).plain
        return plain["tpot"] - (0.0 if host_overhead else plain["host_overhead"])


def points() -> list[Served]:
    """Return the published points, in the order of the file."""
    return [Served(record, record.measured["tpot"].quantity.m_as("s")) for record in load(FILE)]


def errors(points: Sequence[Served], level: str = "fitted") -> list[float]:
    """Return the relative error of TPOT at each point, signed."""
    return [point.predict(level) / point.tpot - 1 for point in points]


def host_overhead(points: Sequence[Served]) -> float:
    """Return the time of a step [s] which, added to the kernels', fits some points best: least mean |log ratio|."""
    steps = [(point.predict(host_overhead=False), point.tpot) for point in points]

    def loss(host: float) -> float:
        return sum(abs(math.log((step + host) / tpot)) for step, tpot in steps)

    return float(minimize_scalar(loss, bounds=(0, 5e-3), method="bounded", options={"xatol": 1e-7}).x)


def _report(points: Sequence[Served]) -> Iterator[str]:
    fitted, held = points[::2], points[1::2]
    yield f"host overhead, fitted to {len(fitted)} points: {host_overhead(fitted) * 1e3:.2f} ms"
    for name, part in {"points of the fit": fitted, "other points": held, "all": points}.items():
        sizes = [abs(error) for error in errors(part)]
        yield f"{name}: median error {median(sizes):.1%}, 90th percentile {quantiles(sizes, n=10)[-1]:.1%}"


if __name__ == "__main__":
    print("\n".join(_report(points())))
