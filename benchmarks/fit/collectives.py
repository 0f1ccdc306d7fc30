"""Collectives: setup, latency and bandwidth of the forms of `mlsysim.physics.collectives`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from benchmarks.fit.measured import Points, device, fastest, read
from benchmarks.fit.search import errors, rounded, search, summary
from mlsysim.physics.collectives import all_gather_time, all_reduce_time, switch_all_reduce_time

TIME = {"all_reduce": all_reduce_time, "all_gather": all_gather_time}
KINDS = {"custom": "graph", "nccl": "nccl-tests"}
"""How the launches of each kind end: the kernels of the engines as replayed in a CUDA graph, and those of NCCL."""

SUMMED_IN_SWITCH = ("h100_sxm", "h200_sxm", "b200_sxm")
"""Systems whose switches make sums: from NVLink 4 on."""

START = 0.3e-6
"""Latency of a step [s] from which the search begins."""

SMALL = 65536
"""Bytes of a message up to which the host takes longer than the kernel."""

NO_FIT = 1.0
"""A set of which a tenth of the points are further off than this share is not described by one bandwidth."""


def points(system: str, op: str, kind: str) -> Points:
    """Return one point a number of GPUs and a size."""
    rows = read("collectives.csv")
    rows = rows[(rows.system == system) & (rows.op == op) & rows.launch.str.endswith(KINDS[kind])]
    link = device(system).interconnect or device(system).host
    # A device sends all of its part of the sum, or its part to each other one, however much a switch does.
    sent = rows.bytes if op == "all_reduce" else rows.bytes * (rows.gpus - 1) / rows.gpus
    return fastest(rows.assign(least=sent / link.bandwidth.m_as("byte/s")), "source", ["gpus", "bytes"])


def fit(system: str, op: str) -> dict[str, dict[str, Any]]:
    """Return the constants of a system for one operation, custom kernels and NCCL apart, with their errors."""
    fits: dict[str, dict[str, Any]] = {}
    for kind in KINDS:
        found = points(system, op, kind)
        if found.table.empty:
            continue
        time, gpus, size = (found.table[name].to_numpy() for name in ("time", "gpus", "bytes"))
        ways = _ways(system, op, kind)

        def form(latency: float, *constants: float, size: Any = size, gpus: Any = gpus, ways: Any = ways) -> Any:
            pairs = zip(ways, constants[::2], constants[1::2], strict=True)
            return np.minimum.reduce([way.time(op, size, gpus, latency, *pair) for way, *pair in pairs])

        start = [START, *(constant for way in ways for constant in (way.setup, way.bandwidth))]
        best = search(form, time, start, shares=0)
        wrong = errors(form(*best), time)
        if np.quantile(wrong, 0.9) > NO_FIT:
            continue
        about = {
            "rows": len(found.table),
            "rejected": found.rejected,
            **summary(wrong),
            "engines": list(found.engines),
            "note": _note(gpus, size, ways),
        }
        latency, *constants = best
        for way, setup, bandwidth in zip(ways, constants[::2], constants[1::2], strict=True):
            steps = {} if way.switch else {"latency_us": rounded(latency * 1e6)}
            fits[way.name] = {
                "setup_us": rounded(setup * 1e6),
                **steps,
                "bandwidth_GBps": rounded(bandwidth / 1e9),
                **about,
            }
    return fits


class _Way(NamedTuple):
    """One way of running a collective: its name, where the search for its constants begins, whether a switch sums."""

    name: str
    setup: float
    bandwidth: float
    switch: bool = False

    def time(self, op: str, size: Any, gpus: Any, latency: float, setup: float, bandwidth: float) -> Any:
        """Return the times of messages."""
        if self.switch:
            return switch_all_reduce_time.plain(size, gpus, bandwidth, setup)
        return TIME[op].plain(size, gpus, bandwidth, latency, setup)


def _ways(system: str, op: str, kind: str) -> list[_Way]:
    """NCCL's rings in two kinds of protocol, and sums in the switch where it makes them [nvidia2025nccltuning].

    The rings share the latency of a step: that of the one for long messages cannot be told from its setup.
    """
    link = device(system).interconnect
    if kind == "custom" or link is None:
        return [_Way(kind, 3e-6, 200e9)]
    wire = link.bandwidth.m_as("byte/s")
    ways = [_Way("nccl_low_latency", 7e-6, 0.3 * wire), _Way("nccl", 20e-6, 0.7 * wire)]
    if op == "all_reduce" and system in SUMMED_IN_SWITCH:
        ways.append(_Way("nccl_switch", 60e-6, 0.6 * wire, switch=True))
    return ways


def _note(gpus: Any, size: Any, ways: list[_Way]) -> str:
    shared = "one fit" if len(ways) == 1 else f"one fit of {len(ways)} ways, the fastest of which counts,"
    return f"{shared} for {_listed(gpus)} GPUs and messages of {size.min()} B to {size.max() / 2**20:g} MiB"


def fit_launch(system: str) -> dict[str, dict[str, Any]]:
    """Return the time in which a host starts small collectives one after another, outside of a CUDA graph."""
    rows = read("collectives.csv")
    rows = rows[(rows.system == system) & rows.launch.str.endswith("eager") & (rows.bytes <= SMALL)]
    if rows.empty:
        return {}
    floors = rows.groupby("source").time.median()
    engine = floors.idxmin()
    times = rows[rows.source == engine].time
    return {
        "eager": {
            "floor_us": rounded(floors[engine] * 1e6),
            "rows": len(times),
            "rejected": 0,
            **summary(errors(floors[engine], times)),
            "engines": [engine],
            "note": f"messages of up to {SMALL // 1024} KiB, whose kernels are shorter: the time of the host",
        }
    }


def _listed(numbers: Any) -> str:
    *others, last = map(str, np.unique(numbers))
    return f"{', '.join(others)} and {last}"
