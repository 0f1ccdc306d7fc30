"""How devices are put together: fabrics, nodes, fleets."""

from __future__ import annotations

from typing import Annotated, Any

import pint
from pydantic import BeforeValidator, ConfigDict, Field, InstanceOf, WithJsonSchema, model_validator

from mlsysim.errors import shown
from mlsysim.hardware.types import HardwareNode
from mlsysim.infra.types import GridProfile
from mlsysim.records import Bandwidth, ByName, Power, RecordError, Size, Sourced, Time, _figure_schema


def _whole(value: Any) -> Any:
    """A count that stands in a record as a figure, as a plain integer; anything else as it is."""
    if isinstance(value, pint.Quantity) and value.dimensionless and float(value.m_as("dimensionless")).is_integer():
        return int(value.m_as("dimensionless"))
    return value


Number = Annotated[
    int,
    BeforeValidator(_whole),
    Field(ge=1, strict=True),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, _figure_schema("dimensionless")]}),
]


class NetworkFabric(Sourced):
    """A network between devices or nodes.

    Parameters
    ----------
    name
        The name of the technology and its generation.
    topology
        How the ends are wired: ``"fat-tree"``, ``"all-to-all (switch)"``, ``"3D torus"``.
    bandwidth
        That of one end, per direction: a port of a network, or all links of one accelerator together [byte/s].
    latency
        Time of the smallest message; the figure says between which ends and how it was measured [s].
    links, link_bandwidth
        How many links one end has, where it has several, and the bandwidth of each, per direction [byte/s].
    sums
        Whether its switches make the sums of an all-reduce.
    note
        What a reader should know of the record.

    Raises
    ------
    UnknownName, InputError
        For a misspelt field, a missing one, a wrong unit, or a value that is not positive.

    Examples
    --------
    >>> print(NetworkFabric(name="InfiniBand NDR", topology="fat-tree", bandwidth="400 Gbps").bandwidth.to("GB/s"))
    50.0 GB/s
    """

    name: str
    topology: str | None = None
    bandwidth: Bandwidth
    latency: Time | None = None
    links: Number | None = None
    link_bandwidth: Bandwidth | None = None
    sums: bool = False
    note: str | None = None


class Node(Sourced):
    """A machine with accelerators: a server, or a rack whose accelerators share one fast fabric.

    Parameters
    ----------
    name
        The vendor's name.
    accelerator
        The device, of which the node has `accelerators_per_node`.
    fabric
        The network inside the node.
    intra_node_bw
        Bandwidth of one accelerator into that network, per direction; by default that of `fabric` [byte/s].
    tdp
        Greatest power of the whole node: accelerators, processors, memory, network cards, fans [W].
    nics, nic_bandwidth
        Network cards for the traffic between nodes, and the line rate of each, per direction [byte/s].
    host_memory
        Memory of the processors [byte].
    note
        What a reader should know of the record.

    Raises
    ------
    UnknownName, InputError
        For a misspelt field, a missing one, a wrong unit, or a value that is not positive.

    Examples
    --------
    >>> from mlsysim import Hardware
    >>> node = Node(name="DGX H100", accelerator=Hardware.H100, accelerators_per_node=8, intra_node_bw="450 GB/s")
    >>> node.accelerator.name
    'NVIDIA H100 SXM5 80GB'
    """

    model_config = ConfigDict(json_schema_extra=lambda schema: schema["required"].remove("intra_node_bw"))

    name: str
    accelerator: Annotated[InstanceOf[HardwareNode], ByName]
    accelerators_per_node: Number
    fabric: Annotated[InstanceOf[NetworkFabric], ByName] | None = None
    intra_node_bw: Bandwidth
    tdp: Power | None = None
    nics: Number | None = None
    nic_bandwidth: Bandwidth | None = None
    host_memory: Size | None = None
    note: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _linked(cls, fields: Any) -> Any:
        fabric = fields.get("fabric") if isinstance(fields, dict) else None
        if isinstance(fabric, NetworkFabric):
            return {"intra_node_bw": fabric.bandwidth} | fields
        return fields

    @property
    def inter_node_bw(self) -> Any:
        """Bandwidth of all network cards together, per direction; None where they are not published.

        Examples
        --------
        >>> from mlsysim import Systems
        >>> print(Systems.Nodes.DGX_H100.inter_node_bw.to("GB/s"))
        400.0 GB/s
        """
        if self.nics is None or self.nic_bandwidth is None:
            return None
        return self.nics * self.nic_bandwidth


DEVICES_IN_A_NODE = 8
"""Devices of the nodes that a fleet is made of where only a device is given, as in the servers of most vendors."""


def _node_of(device: Any) -> Node:
    """A node of eight devices, joined by their own links."""
    if not isinstance(device, HardwareNode):
        raise RecordError(f"Fleet.hw must be a device, such as Hardware.H100; got {shown(device)}")
    if device.interconnect is None:
        raise RecordError(f"{device.name} has no links of its own to make a node of: give node= in place of hw=")
    return Node(
        name=f"{DEVICES_IN_A_NODE} x {device.name}",
        accelerator=device,
        accelerators_per_node=DEVICES_IN_A_NODE,
        intra_node_bw=device.interconnect.bandwidth,
        note="Made of its devices: processors, network cards and power of the whole node are not known.",
    )


class Fleet(Sourced):
    """A number of equal nodes on one fabric, in one region.

    With `hw` in place of `node`, the fleet has `count` nodes of eight such devices, joined by the devices' own links.

    Parameters
    ----------
    name
        What it is called.
    node
        The machine, of which the fleet has `count`.
    hw
        A device, in place of `node`. It is not kept: read `node.accelerator`.
    count
        Nodes, also where `hw` is given: 64 make 512 devices.
    fabric
        The network between the nodes.
    region
        The grid that feeds them.
    illustrative
        True for a design of ours, built of parts that can be bought; False for a cluster that someone described.
    note
        What a reader should know of the record.

    Raises
    ------
    UnknownName, InputError
        For a misspelt field, a missing one, or a count that is no whole number of at least 1.

    Examples
    --------
    >>> from mlsysim import Hardware
    >>> node = Node(name="DGX H100", accelerator=Hardware.H100, accelerators_per_node=8, intra_node_bw="450 GB/s")
    >>> Fleet(name="Training cluster", node=node, count=64).total_accelerators
    512
    >>> Fleet(name="Training cluster", hw=Hardware.H100, count=64).total_accelerators
    512
    """

    name: str
    node: Annotated[InstanceOf[Node], ByName]
    count: Number
    fabric: Annotated[InstanceOf[NetworkFabric], ByName] | None = None
    region: Annotated[InstanceOf[GridProfile], ByName] | None = None
    illustrative: bool = False
    note: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_devices(cls, fields: Any) -> Any:
        if not isinstance(fields, dict) or "hw" not in fields:
            return fields
        others = {name: value for name, value in fields.items() if name != "hw"}
        if "node" in fields:
            raise ValueError("node and hw both say what the fleet is made of: give one")
        return others | {"node": _node_of(fields["hw"])}

    @property
    def total_accelerators(self) -> int:
        """Accelerators in all nodes together."""
        return self.count * self.node.accelerators_per_node

    @property
    def power(self) -> Any:
        """Greatest power of all nodes, without switches, storage and cooling; None where that of a node is unknown.

        Examples
        --------
        >>> from mlsysim import Systems
        >>> print(Systems.Clusters.Research_256.power)
        326.4 kW
        """
        return None if self.node.tdp is None else self.count * self.node.tdp
