"""How much traffic a network carries between its halves, and how far its messages go."""

from __future__ import annotations

import re
from typing import Any

from mlsysim.core.result import Field, Result
from mlsysim.core.solver.base import Solver
from mlsysim.core.solver.data import networks
from mlsysim.core.solver.data.inputs import amount
from mlsysim.core.solver.data.networks import Asked
from mlsysim.errors import InputError, InputTypeError, positive_integer, shown, unknown
from mlsysim.physics import topology as physics
from mlsysim.systems.registry import Fabrics
from mlsysim.systems.types import NetworkFabric

TREE = {"oversubscription", "levels", "radix"}
TOPOLOGIES = {
    "fat-tree": (networks.fat_tree, TREE),
    "rail-optimised": (networks.rail_optimised, TREE | {"rails"}),
    "torus-2d": (networks.torus_2d, {"sides"}),
    "torus-3d": (networks.torus_3d, {"sides"}),
    "dragonfly": (networks.dragonfly, {"dragonfly"}),
    "ring": (networks.ring, set()),
    "full-mesh": (networks.full_mesh, set()),
    "switch": (networks.switch, set()),
}
"""Each topology with what builds it and the options that apply to it."""

OTHER_NAMES = {
    "rail-optimized": "rail-optimised",
    "2d-torus": "torus-2d",
    "3d-torus": "torus-3d",
    "all-to-all-(point-to-point)": "full-mesh",
    "all-to-all-(switch)": "switch",
}
"""How else topologies are spelled, in the records of fabrics too."""


class TopologyResult(Result):
    """What a network carries between its halves, and how many links its messages cross."""

    fabric = Field("Fabric", kind=str)
    topology = Field("Topology", kind=str)
    layout = Field("Layout", kind=str)
    num_nodes = Field("Nodes", kind=int)
    bisection_bw = Field("Bisection bandwidth, per direction", "byte/s", "GB/s")
    bisection_bw_fraction = Field("Part of full bisection", kind=float)
    effective_bw = Field("Bandwidth of a node across the cut", "byte/s", "GB/s")
    node_bw = Field("Bandwidth of a node into the network", "byte/s", "GB/s")
    hops_avg = Field("Mean hops", kind=float)
    hops_max = Field("Most hops", kind=int)
    hops_within_rail = Field("  mean within a rail", optional=True, kind=float)
    hops_cross_rail = Field("  mean from rail to rail", optional=True, kind=float)
    links = Field("Links", optional=True, kind=int)
    switches = Field("Switches", optional=True, kind=int)
    exchange_time = Field("Exchange across the cut, at least", "s", "ms", optional=True)
    notes = Field("Notes", kind=tuple[str, ...])


class TopologyModel(Solver):
    """Wall 10: traffic between the halves of a network is limited by the links that join them.

    T ≥ V / BW_bis. The bisection bandwidth is that of the smallest cut into halves: of a fat tree N·β / (2·o), of a
    ring 2·β, of a torus 2·N^((d-1)/d)·β [leiserson1985fattrees, dally2004principles, arjona2014bisection].

    Examples
    --------
    >>> from mlsysim import Systems, TopologyModel
    >>> solve = TopologyModel().solve
    >>> ndr = Systems.Fabrics.InfiniBand_NDR
    >>> for topology in ("fat-tree", "torus-3d", "ring"):
    ...     result = solve(ndr, topology, num_nodes=64)
    ...     print(topology, f"{result.bisection_bw:.0f}", f"{result.hops_avg:.2f}")
    fat-tree 1600 GB/s 5.43
    torus-3d 1600 GB/s 3.05
    ring 100 GB/s 16.25
    """

    def solve(
        self,
        fabric: NetworkFabric,
        topology: str | None = None,
        num_nodes: int = 64,
        *,
        oversubscription: float | None = None,
        levels: int | None = None,
        radix: int | None = None,
        rails: int | None = None,
        sides: tuple[int, ...] | None = None,
        dragonfly: tuple[int, int, float] | None = None,
        volume: Any = None,
    ) -> TopologyResult:
        """Return the bisection bandwidth of a network, and the links that messages cross in it.

        Parameters
        ----------
        fabric
            An entry of `Systems.Fabrics`, or one of your own. Its bandwidth is that of a port. Where nodes are joined
            to one another (torus, ring, full mesh), each link has the fabric's `link_bandwidth` if it has one, and
            else the bandwidth of a port.
        topology
            A key of `TOPOLOGIES`, in any case, with spaces, hyphens or underscores; by default that of the fabric.
        num_nodes
            N, nodes attached. In a rail-optimised network, a node has as many ports as rails.
        oversubscription
            o, links below a leaf switch of a tree over those above it; by default 1, no level is thinned.
        levels, radix
            Levels of switches in a tree, 1 to 3, and the ports of a switch. By default 3 levels, 2 with rails, of the
            smallest switches that hold all nodes; given only the radix, the fewest levels that do.
        rails
            Devices of a node, each with a port of its own; port i of all nodes is on leaf switches of its own. By
            default 8 [nvidia2025superpodh100].
        sides
            Nodes along each side of a torus; by default those that make it most cubic. A side of 2 has two links
            between its nodes.
        dragonfly
            (p, a, h): nodes a router, routers a group, links of a router to other groups, a mean if not whole; by
            default the smallest balanced one, a = 2p = 2h [kim2008dragonfly].
        volume
            V, traffic that must cross from one half to the other, to get the least time that takes [byte].

        Returns
        -------
        TopologyResult
            Bandwidths are per direction; a hop is a link that a message crosses, those to switches included.

        Raises
        ------
        InputError, InputTypeError, UnitError, UnknownName
            For an argument of the wrong kind or an impossible value, or an option that the topology does not have.
        """
        _check_fabric(fabric)
        name = _canonical(fabric, topology)
        nodes = positive_integer("num_nodes", num_nodes)
        if nodes < 2:
            raise InputError(f"num_nodes must be at least 2, for halves to exchange anything; got {nodes}")
        options = {
            "oversubscription": oversubscription,
            "levels": levels,
            "radix": radix,
            "rails": rails,
            "sides": sides,
            "dragonfly": dragonfly,
        }
        build, applicable = TOPOLOGIES[name]
        for option, value in options.items():
            if value is not None and option not in applicable:
                raise InputError(f"{option} does not apply to a {name}; got {shown(value)}")
        traffic = None if volume is None else amount("volume", volume, "byte", zero=True)
        network = build(Asked(fabric, nodes, **options))
        effective = physics.effective_bandwidth.plain(network.bisection, nodes)
        return TopologyResult(
            fabric=fabric.name,
            topology=name,
            layout=network.layout,
            num_nodes=nodes,
            bisection_bw=network.bisection,
            bisection_bw_fraction=physics.bisection_fraction.plain(effective, network.injection),
            effective_bw=effective,
            node_bw=network.injection,
            hops_avg=network.hops_avg,
            hops_max=network.hops_max,
            hops_within_rail=network.hops_within_rail,
            hops_cross_rail=network.hops_cross_rail,
            links=network.links,
            switches=network.switches,
            exchange_time=None if traffic is None else physics.exchange_time.plain(traffic, network.bisection),
            notes=network.notes,
        )


def _check_fabric(fabric: Any) -> None:
    if isinstance(fabric, NetworkFabric):
        return
    if isinstance(fabric, str):
        Fabrics[fabric]  # raises with the nearest name if there is none
        raise InputTypeError(
            f"fabric must be an object, not its name: write Systems.Fabrics.{fabric} for {shown(fabric)}"
        )
    raise InputTypeError(f"fabric must be an entry of Systems.Fabrics or one of your own; got {shown(fabric)}")


def _canonical(fabric: NetworkFabric, topology: Any) -> str:
    """The key of `TOPOLOGIES` for a topology as written, or for that of the fabric if it is None."""
    named = fabric.topology if topology is None else topology
    if named is None:
        raise InputError(f"topology must be given: {fabric.name} names none. Allowed: {', '.join(TOPOLOGIES)}")
    if not isinstance(named, str):
        raise InputTypeError(f"topology must be a string such as 'fat-tree'; got {shown(named)}")
    folded = re.sub(r"[\s_-]+", "-", named.strip().casefold())
    folded = OTHER_NAMES.get(folded, folded)
    if folded not in TOPOLOGIES:
        raise unknown("topology" if topology is not None else f"topology of {fabric.name}", named, TOPOLOGIES)
    return folded
