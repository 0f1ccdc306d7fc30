"""The devices: `Hardware.Cloud.H100`, or `Hardware.H100` for short."""

from mlsysim.hardware.types import HardwareNode
from mlsysim.records import Catalog, Figure, Registry


def _group(stem: str) -> Registry[HardwareNode]:
    return Registry("hardware", HardwareNode.from_record, "mlsysim.hardware", stem)


Hardware: Catalog[HardwareNode] = Catalog(
    "hardware",
    Cloud=_group("cloud"),
    Workstation=_group("workstation"),
    Mobile=_group("mobile"),
    Edge=_group("edge"),
    Tiny=_group("tiny"),
)


def universal_efficiency() -> Figure:
    """Return the reachable fraction of the dense peak for a device on which none was measured.

    Examples
    --------
    >>> universal_efficiency().value
    0.78
    """
    return _UNIVERSAL["efficiency"]


_UNIVERSAL: Registry[Figure] = Registry(
    "universal constant", lambda raw: Figure(**raw), "mlsysim.hardware", "universal"
)
