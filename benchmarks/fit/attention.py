"""Attention: of a decode step t = t_0 + Q/(e_m·BW), of a prefill t = t_0 + F/(P·e)·(1 + S_half/S)."""

from __future__ import annotations

from typing import Any

from benchmarks.fit.measured import PRECISIONS, Points, device, fastest, read
from benchmarks.fit.search import errors, rounded, search, summary
from mlsysim.physics.operators import attention_efficiency

HEAD = 128
"""Width of a head of every model that was timed."""

HEADS = {"8B_tp1": 32, "70B_tp1": 64, "70B_tp8": 8}
"""Query heads on one device."""


def decode_points(system: str, dtype: str) -> Points:
    """Return one point a batch and a context; its traffic is the keys and values of one layer."""
    rows = read("decode_attention_bw.csv")
    rows = rows[(rows.system == system) & (rows.kv_dtype == dtype)]
    rows = rows.assign(traffic=rows.kv_MB * 1e6)
    least = rows.traffic / device(system).plain.bandwidth
    return fastest(rows.assign(least=least), "framework", ["heads_of", "batch", "kv_len"])


def prefill_points(system: str, dtype: str) -> Points:
    """Return one point a batch and a length, where keys and values have the precision of the arithmetic."""
    rows = read("context_attention_flops.csv")
    rows = rows[(rows.system == system) & (rows.attn_dtype == dtype) & (rows.kv_dtype == dtype)]
    # Half of 4·B·S²·h·d, and the diagonal: a token attends to itself and to those before it.
    rows = rows.assign(
        flops=2.0 * rows.heads_of.map(HEADS).astype(float) * HEAD * rows.batch * rows.isl * (rows.isl + 1)
    )
    least = rows.flops / device(system).plain.peaks.get(PRECISIONS[dtype], 1.0)
    return fastest(rows.assign(least=least), "framework", ["heads_of", "batch", "isl"])


def fit_decode(system: str) -> dict[str, dict[str, Any]]:
    """Return the constants of a system by the precision of its KV cache, with their errors."""
    bandwidth, fits = device(system).plain.bandwidth, {}
    for dtype, precision in PRECISIONS.items():
        found = decode_points(system, dtype)
        if found.table.empty:
            continue
        time, traffic = found.table.time.to_numpy(), found.table.traffic.to_numpy()

        def form(memory_efficiency: float, floor: float, traffic: Any = traffic) -> Any:
            return floor + traffic / (memory_efficiency * bandwidth)

        best = search(form, time, (0.8, 10e-6), shares=1)
        fits[precision] = {
            "memory_efficiency": best[0],
            "floor_us": rounded(best[1] * 1e6),
            **_about(found, form(*best)),
        }
    return fits


def fit_prefill(system: str) -> dict[str, dict[str, Any]]:
    """Return the constants of a system by precision, with their errors."""
    peaks, fits = device(system).plain.peaks, {}
    for dtype, precision in PRECISIONS.items():
        found = prefill_points(system, dtype)
        if found.table.empty:
            continue
        time, flops, length = (found.table[name].to_numpy() for name in ("time", "flops", "isl"))

        def form(
            share: float, half: float, floor: float, flops: Any = flops, length: Any = length, at: str = precision
        ) -> Any:
            return floor + flops / (peaks[at] * attention_efficiency.plain(share, length, half))

        best = search(form, time, (0.6, 800.0, 10e-6), shares=1)
        fits[precision] = {
            "efficiency": best[0],
            "half_length": best[1],
            "floor_us": rounded(best[2] * 1e6),
            **_about(found, form(*best)),
        }
    return fits


def _about(found: Points, predicted: Any) -> dict[str, Any]:
    return {
        "rows": len(found.table),
        "rejected": found.rejected,
        **summary(errors(predicted, found.table.time)),
        "engines": list(found.engines),
    }
