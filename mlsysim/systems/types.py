"""How devices are put together: nodes, fabrics, fleets."""

from __future__ import annotations

from pydantic import InstanceOf

from mlsysim.hardware.types import HardwareNode
from mlsysim.infra.types import GridProfile
from mlsysim.records import Bandwidth, Count, Power, Record, Sourced, Time


class NetworkFabric(Sourced):
    """A network between devices or nodes; `bandwidth` is that of one port, per direction.

    Examples
    --------
    >>> print(NetworkFabric(name="InfiniBand NDR", topology="fat-tree", bandwidth="400 Gbps").bandwidth.to("GB/s"))
    50.0 GB/s
    """

    name: str
    topology: str | None = None
    bandwidth: Bandwidth
    latency: Time | None = None


class Node(Sourced):
    """A machine with accelerators; `intra_node_bw` is that of one accelerator's link, per direction.

    Examples
    --------
    >>> from mlsysim import Hardware
    >>> node = Node(name="DGX H100", accelerator=Hardware.H100, accelerators_per_node=8, intra_node_bw="450 GB/s")
    >>> node.accelerator.name
    'NVIDIA H100 SXM5 80GB'
    """

    name: str
    accelerator: InstanceOf[HardwareNode]
    accelerators_per_node: Count
    intra_node_bw: Bandwidth
    tdp: Power | None = None


class Fleet(Record):
    """A number of equal nodes on one fabric, in one region.

    Examples
    --------
    >>> from mlsysim import Hardware
    >>> node = Node(name="DGX H100", accelerator=Hardware.H100, accelerators_per_node=8, intra_node_bw="450 GB/s")
    >>> Fleet(name="Training cluster", node=node, count=64).total_accelerators
    512
    """

    name: str
    node: InstanceOf[Node]
    count: Count
    fabric: InstanceOf[NetworkFabric] | None = None
    region: InstanceOf[GridProfile] | None = None

    @property
    def total_accelerators(self) -> int:
        """Accelerators in all nodes together."""
        return self.count * self.node.accelerators_per_node
