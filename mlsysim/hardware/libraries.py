"""What libraries of int8 kernels reach on the cores of microcontrollers, from `data/libraries.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mlsysim.hardware.kernels import Share
from mlsysim.records import Record, Registry


class LibraryFit(Record):
    """What one library reaches on one core, over networks.

    Parameters
    ----------
    efficiency
        Fraction of the int8 peak, the geometric mean of the networks.
    low, high
        That of the network on which it reaches least, and of that on which it reaches most.
    condition, source
        On which board, who measured, and where it is published.

    Examples
    --------
    >>> LIBRARIES["CMSIS-NN"]["Cortex-M4"].efficiency
    0.118
    """

    efficiency: Share
    low: Share
    high: Share
    condition: str
    source: str


def _cores(raw: dict[str, dict[str, object]]) -> Mapping[str, LibraryFit]:
    return MappingProxyType({core: LibraryFit(**fit) for core, fit in raw.items()})


LIBRARIES: Registry[Mapping[str, LibraryFit]] = Registry("library of kernels", _cores, "mlsysim.hardware", "libraries")
"""By library and version, then by core."""
