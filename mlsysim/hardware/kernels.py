"""What kernels and collectives reach on a device: constants fitted to timings, from `data/kernels.yaml`."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field

from mlsysim.records import Figure, Frozen, Record, Registry

Share = Annotated[float, Field(gt=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Error = Annotated[float, Field(ge=0)]
Rows = Annotated[int, Field(ge=0)]

FORMS = {
    "gemm": "t_0 + q + max(F/(e_c·P), Q/(e_m·β)), q the pass that quantises activations below 16 bits",
    "decode_attention": "t_0 + Q/(e_m·β), Q the keys and values",
    "prefill_attention": "t_0 + F/(P·e), e = e_max·S/(S + S_half)",
    "all_reduce": "t_0 + 2·(N - 1)·α + 2·(N - 1)/N·M/β, or t_0 + (1 + 1/N)·M/β where the switch makes the sums",
    "all_gather": "t_0 + (N - 1)·α + (N - 1)/N·M/β",
    "launch": "t_h",
}
"""The time that was fitted, by kind."""

_UNITS = {"floor": "us", "half_length": "token", "setup": "us", "latency": "us", "bandwidth": "GB/s"}
_SCALES = {"us": 1e-6, "GB/s": 1e9}
_SPELT = {"floor": "floor_us", "setup": "setup_us", "latency": "latency_us", "bandwidth": "bandwidth_GBps"}
_CONSTANTS = ("efficiency", "memory_efficiency", "half_length", "floor", "setup", "latency", "bandwidth")


class Fit(Record):
    """What is said of every fit: how many points it has, and how far off it is.

    Parameters
    ----------
    rows
        Points that were fitted, each the fastest of the engines.
    rejected
        Timings that were left out because they, or many of their engine, beat the speed of light.
    median_error, p90_error
        Median and 90th percentile of |predicted/measured - 1|.
    engines
        Whose kernels were timed.
    note
        What a reader should know of the fit.
    """

    rows: Rows
    rejected: Rows
    median_error: Error
    p90_error: Error
    engines: tuple[str, ...]
    note: str | None = None

    @classmethod
    def from_raw(cls, raw: dict[str, Any]) -> Self:
        """Return the fit of a line of the file, whose times are in microseconds and bandwidths in GB/s."""
        spelt = {written: name for name, written in _SPELT.items()}
        names = {key: spelt.get(key, key) for key in raw}
        return cls(
            **{name: raw[key] * _SCALES[_UNITS[name]] if key in spelt else raw[key] for key, name in names.items()}
        )


class KernelFit(Fit):
    """The constants of one kind of kernel in one precision; None where the kind has no such constant.

    Parameters
    ----------
    efficiency
        Reachable fraction of the dense peak; for attention that of very long sequences.
    memory_efficiency
        Reachable fraction of the memory bandwidth.
    floor
        Time of a kernel that does nothing [s].
    half_length
        Tokens at which the attention of a prefill reaches half of its efficiency.
    held_out_error
        Median error on shapes that were left out of the fit in turn.
    """

    efficiency: Share | None = None
    memory_efficiency: Share | None = None
    floor: Positive
    half_length: Positive | None = None
    held_out_error: Error | None = None


class CollectiveFit(Fit):
    """The constants of one way of running a collective among the devices of a node.

    Parameters
    ----------
    setup
        Time of starting it [s].
    latency
        Time of each step of the ring [s]; None where the switch makes the sums.
    bandwidth
        Of each device into the ring or the switch, per direction [byte/s].
    """

    setup: Positive
    latency: Positive | None = None
    bandwidth: Positive


class Kernels(Record):
    """The fits of one device.

    Parameters
    ----------
    name
        The device on which the timings were made.
    source, date
        Where the timings come from, and when they were taken from there.
    gemm, prefill_attention
        By precision.
    decode_attention
        By the precision of the KV cache.
    all_reduce, all_gather
        By whose kernels, and by the way where there are several, of which the fastest counts: ``"custom"``, those of
        serving engines in a CUDA graph; ``"nccl_low_latency"`` and ``"nccl"``, rings by its protocols that trade
        bandwidth for latency and by its simple one [nvidia2025nccltuning]; ``"nccl_switch"``, sums made by the switch.
    launch
        Time in which a host starts one collective outside of a CUDA graph: ``"eager"``.

    Examples
    --------
    >>> from mlsysim import Hardware
    >>> print(f"{Hardware.H100.kernels.gemm['bf16'].floor * 1e6:.1f} µs")
    3.0 µs
    """

    name: str
    source: str
    date: str
    gemm: Annotated[dict[str, KernelFit], Frozen]
    decode_attention: Annotated[dict[str, KernelFit], Frozen]
    prefill_attention: Annotated[dict[str, KernelFit], Frozen]
    all_reduce: Annotated[dict[str, CollectiveFit], Frozen]
    all_gather: Annotated[dict[str, CollectiveFit], Frozen]
    launch: Annotated[dict[str, KernelFit], Frozen]

    @classmethod
    def from_raw(cls, raw: dict[str, Any]) -> Self:
        """Return the fits of an entry of the file."""
        fits = {
            kind: {key: _TYPES[kind].from_raw(fit) for key, fit in raw[kind].items()} for kind in FORMS if kind in raw
        }
        return cls(**raw | fits)

    @property
    def figures(self) -> dict[str, Figure]:
        """Where each constant comes from, by its dotted path: ``"kernels.gemm.bf16.floor"``."""
        return {
            f"kernels.{kind}.{key}.{name}": self._figure(kind, fit, name)
            for kind in FORMS
            for key, fit in getattr(self, kind).items()
            for name in _CONSTANTS
            if getattr(fit, name, None) is not None
        }

    def _figure(self, kind: str, fit: Fit, name: str) -> Figure:
        unit = _UNITS.get(name, "dimensionless")
        held_out = getattr(fit, "held_out_error", None)
        said = [
            FORMS[kind],
            f"fitted to the fastest of {', '.join(fit.engines)} at {fit.rows} points",
            f"{fit.rejected} timings rejected as beyond the speed of light",
            f"median error {fit.median_error:.1%}, 90th percentile {fit.p90_error:.1%}",
            *([f"{held_out:.1%} on shapes left out"] if held_out is not None else []),
        ]
        value = float(f"{getattr(fit, name) / _SCALES.get(unit, 1):.6g}")
        about = {"condition": "; ".join(said), "source": self.source, "date": self.date, "note": fit.note}
        return Figure(value=value, unit=unit, **about)


_TYPES: dict[str, type[Fit]] = {kind: CollectiveFit if kind.startswith("all_") else KernelFit for kind in FORMS}

KERNELS: Registry[Kernels] = Registry("kernel fits", Kernels.from_raw, "mlsysim.hardware", "kernels")
"""The fits by device."""
