"""Where the ranks of a group sit, and how long its collectives take over the links that they cross."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import gcd
from typing import NamedTuple

from mlsysim.core.solver.node.kernels import Calibration, Link
from mlsysim.errors import InputError
from mlsysim.hardware.registry import universal
from mlsysim.models.operators import Kind
from mlsysim.physics import collectives
from mlsysim.physics.equation import part
from mlsysim.physics.parallel import tree_all_reduce_time
from mlsysim.systems.types import Fleet

PAIRS = "all-to-all (point to point)"
"""How the records call a fabric of links between each two devices."""


class Group(NamedTuple):
    """A number of ranks, `stride` apart: how many of them share a node, and over how many nodes they lie."""

    size: int
    inside: int
    nodes: int

    @classmethod
    def of(cls, size: int, stride: int, node: int) -> Group:
        """Return the placement of a group on nodes of `node` devices.

        Examples
        --------
        Eight tensor-parallel ranks fill a node, so data-parallel neighbours never share one:

        >>> Group.of(8, 1, 8), Group.of(64, 8, 8)
        (Group(size=8, inside=8, nodes=1), Group(size=64, inside=1, nodes=64))
        >>> Group.of(8, 4, 8)
        Group(size=8, inside=2, nodes=4)

        Twelve ranks fill one node and a half: the next twelve begin in the middle of a node, so fours stay together.

        >>> Group.of(12, 1, 8)
        Group(size=12, inside=4, nodes=3)
        """
        inside = gcd(size, max(1, node // stride))
        return cls(size, inside, size // inside)


@dataclass(frozen=True, eq=False)
class Network:
    """The links of a fleet: those inside a node by the calibration of its devices, those between by its fabric.

    Parameters
    ----------
    fleet
        The machines.
    kernels
        What the devices reach.
    congestion
        How much longer traffic between nodes takes than on an empty network, at least 1.
    """

    fleet: Fleet
    kernels: Calibration
    congestion: float

    @property
    def node(self) -> int:
        """Devices that share the fast links of a node."""
        return self.fleet.node.accelerators_per_node

    @cached_property
    def _between(self) -> tuple[float, float]:
        """Bandwidth of one device into the network [byte/s] and latency of a step there [s]."""
        node, fabric = self.fleet.node, self.fleet.fabric
        whole = node.inter_node_bw
        if whole is not None:
            bandwidth = whole.m_as("byte/s") / self.node
        elif fabric is not None:
            bandwidth = float(fabric.bandwidth.m_as("byte/s"))
        else:
            raise InputError(f"{self.fleet.name} has no network between its nodes: give its fabric")
        latency = fabric.latency.m_as("s") if fabric is not None and fabric.latency is not None else 0.0
        if fabric is not None:
            bandwidth = min(bandwidth, float(fabric.bandwidth.m_as("byte/s")))
        share = 1.0 if self.kernels.level == "none" else universal("network_efficiency")
        return share * bandwidth / self.congestion, float(latency)

    def all_reduce(self, message: float, group: Group) -> float:
        """Return the time in which each rank gets the sum of a tensor, by the fastest way.

        In one node, as its kernels do it. Over several: first in each node, then between nodes in a ring or a tree; or
        in one ring through all nodes, whose pieces are on the links of a node and on the network at the same time.
        """
        if group.size == 1 or not message:
            return 0.0
        if group.nodes == 1:
            return self._in_node("all_reduce", message, group.size)
        inside = 2 * self._inside(message, group)
        bandwidth, latency = self._between
        piece = message / group.inside
        ring = collectives.all_reduce_time.plain(piece, group.nodes, bandwidth, latency, 0.0)
        tree = tree_all_reduce_time.plain(piece, group.nodes, bandwidth, latency)
        return min(inside + min(ring, tree), self._through("all_reduce", message, group))

    def gather(self, message: float, group: Group) -> float:
        """Return the time of an all-gather or a reduce-scatter of a tensor of that size in all, by the fastest way."""
        if group.size == 1 or not message:
            return 0.0
        inside = self._inside(message, group)
        if group.nodes == 1:
            return inside
        bandwidth, latency = self._between
        piece = message / group.inside
        between = collectives.all_gather_time.plain(piece, group.nodes, bandwidth, latency, 0.0)
        return min(inside + between, self._through("all_gather", message, group))

    def exchange(self, message: float, group: Group) -> float:
        """Return the time of an all-to-all in which each rank has that much for all ranks together.

        What goes to another node crosses the network once, whatever lies beside it: nothing is shared on the way. What
        stays in the node goes over other links at the same time.
        """
        if group.size == 1 or not message:
            return 0.0
        inside = self._inside(message / group.nodes, group)
        if group.nodes == 1:
            return inside
        bandwidth, latency = self._between
        return max(inside, collectives.all_gather_time.plain(message, group.nodes, bandwidth, latency, 0.0))

    def _through(self, kind: Kind, message: float, group: Group) -> float:
        """The time of a collective in one ring through all nodes: it enters each by the network cards of all its ranks.

        Of each turn round the ring, as many steps as there are nodes cross the network.
        """
        between, latency = self._between
        times = []
        for link in self._links(kind, group.inside):
            if link.latency is not None:
                steps = (latency * group.nodes + link.latency * (group.size - group.nodes)) / group.size
                ring = link._replace(latency=steps, bandwidth=min(link.bandwidth, group.inside * between))
                times.append(ring.time(kind, message, group.size))
        return min(times)

    def _inside(self, message: float, group: Group) -> float:
        if group.inside == 1:
            return 0.0
        return self._in_node("all_gather", message, group.inside)

    def _in_node(self, kind: Kind, message: float, ranks: int) -> float:
        """The time of a collective in a node, by the fastest way."""
        with part("Exchange"):
            return min(link.time(kind, message, ranks) for link in self._links(kind, ranks))

    def _links(self, kind: Kind, ranks: int) -> list[Link]:
        """The ways of running a collective in a node: those timed on the device where the node has its own links."""
        if self._own_links and not self._in_pairs:
            links = self.kernels.links(kind)
        else:
            links = [self._within._replace(bandwidth=self._reached(ranks))]
        fabric = self.fleet.node.fabric
        if fabric is None or not fabric.sums or not self.kernels.in_switch or kind != "all_reduce":
            return links
        timed = any(link.latency is None for link in links)
        return links if timed else [*links, links[0]._replace(latency=None)]

    @cached_property
    def _in_pairs(self) -> bool:
        """Whether each two devices of a node have links of their own, and fewer devices so use fewer links."""
        fabric = self.fleet.node.fabric
        return fabric is not None and fabric.topology == PAIRS

    def _reached(self, ranks: int) -> float:
        """The bandwidth of a device [byte/s] into the links of a node, of which it uses those to the other ranks."""
        share = (ranks - 1) / (self.node - 1) if self._in_pairs and 1 < ranks < self.node else 1.0
        return share * self._within.bandwidth

    @cached_property
    def _own_links(self) -> bool:
        """Whether the links of the node are those for which the device is made."""
        own = self.kernels.hardware.interconnect
        return own is not None and own.bandwidth == self.fleet.node.intra_node_bw

    @cached_property
    def _within(self) -> Link:
        """What the links of the node reach by universal constants."""
        bandwidth = float(self.fleet.node.intra_node_bw.m_as("byte/s"))
        if self.kernels.level == "none":
            return Link(0.0, 0.0, bandwidth)
        return Link(universal("kernel_floor"), 0.0, universal("memory_efficiency") * bandwidth)

    def send(self, message: float, stride: int, ranks: int) -> float:
        """Return the time of sending a message along a row of ranks that are `stride` apart, where its links are worst.

        A row that does not fit in one node has a neighbour in the next one, for which all others wait.
        """
        if stride * ranks <= self.node:
            return collectives.transfer_time.plain(message, self._within.bandwidth, 0.0)
        bandwidth, latency = self._between
        return collectives.transfer_time.plain(message, bandwidth, latency)
