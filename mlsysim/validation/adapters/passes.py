"""One pass over many samples or one: what MLPerf's scenarios ask of a network that answers at once."""

from __future__ import annotations

from typing import Any

from mlsysim.core.engine import Engine
from mlsysim.core.solver.node.kernels import Calibration
from mlsysim.core.solver.node.single import PerformanceProfile
from mlsysim.validation.adapters import CALIBRATION
from mlsysim.validation.adapters.names import NotStated


def one_pass(model: Any, hardware: Any, batch: int, precision: str, level: str, **more: Any) -> PerformanceProfile:
    """Return one pass over a batch, as the sum of its kernels."""
    calibration = CALIBRATION[level]
    return Engine.solve(model, hardware, batch, precision, fidelity="operator", calibration=calibration, **more)


def step_time(model: Any, hardware: Any, batch: int, precision: str, level: str) -> float:
    """Return the time of the passes of a training step, kernel by kernel, without that of the optimizer [s]."""
    kernels = Calibration(hardware, precision, precision, CALIBRATION[level])
    return sum(kernels.time(row).total for row in model.lower(batch, precision, "training"))


def largest(model: Any, hardware: Any, precision: str, level: str, **more: Any) -> PerformanceProfile:
    """Return the pass over the largest power of two of samples that fits: what an offline run, all at once, tends to.

    Raises
    ------
    NotStated
        If not one sample fits.
    """
    found, batch = None, 1
    while (result := one_pass(model, hardware, batch, precision, level, **more)).feasible:
        found, batch = result, 2 * batch
    if found is None:
        raise NotStated(f"{model.name} does not fit on {hardware.name} in {precision}")
    return found


def bounded(model: Any, hardware: Any, precision: str, level: str, bound: float) -> PerformanceProfile:
    """Return the pass over the most samples that all arrive in time: each waits for a pass and then for its own.

    Parameters
    ----------
    bound
        Time from arrival to answer [s].

    Raises
    ------
    NotStated
        If one sample alone is too late.
    """

    def run(batch: int) -> PerformanceProfile | None:
        result = one_pass(model, hardware, batch, precision, level)
        return result if result.feasible and 2 * result.plain["latency"] <= bound else None

    few, many = 1, 2
    found = run(few)
    if found is None:
        raise NotStated(f"{model.name} takes {hardware.name} longer than {bound} s")
    while (more := run(many)) is not None:
        found, few, many = more, many, 2 * many
    while many - few > 1:
        middle = (few + many) // 2
        more = run(middle)
        found, few, many = (found, few, middle) if more is None else (more, middle, many)
    return found
