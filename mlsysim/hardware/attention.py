"""What attention kernels of a generation reach, as their authors published it, from `data/attention.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mlsysim.hardware.kernels import Error, Positive, Share
from mlsysim.records import Record, Registry


class AttentionFit(Record):
    """The constants of one kernel on one device, of forward and backward pass together.

    Parameters
    ----------
    efficiency
        Reachable fraction of the dense peak in 16 bits, of very long sequences.
    half_length
        Tokens at which half of it is reached.
    median_error, p90_error
        Median and 90th percentile of |predicted/published - 1|.
    condition, source
        Which figure, of what, and whose.
    """

    efficiency: Share
    half_length: Positive
    median_error: Error
    p90_error: Error
    condition: str
    source: str


def _fits(raw: dict[str, dict[str, object]]) -> Mapping[str, AttentionFit]:
    return MappingProxyType({device: AttentionFit(**fit) for device, fit in raw.items()})


ATTENTION_KERNELS: Registry[Mapping[str, AttentionFit]] = Registry(
    "attention kernel", _fits, "mlsysim.hardware", "attention"
)
"""By generation, then by the device of `mlsysim.hardware.kernels.KERNELS`."""
