"""Fabrics, nodes and clusters: `Fabrics.InfiniBand_NDR`, `Nodes.DGX_H100`, `Clusters.Research_256`; `Systems`: all."""

from typing import Any

from mlsysim.hardware.registry import Hardware
from mlsysim.infra.registry import Grids
from mlsysim.records import Catalog, Registry
from mlsysim.systems.types import Fleet, NetworkFabric, Node


def _resolved(raw: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """A raw record in which the names of other records are replaced by those records."""
    return raw | {key: parts[key][raw[key]] for key in parts if isinstance(raw.get(key), str)}


def _node(raw: dict[str, Any]) -> Node:
    return Node.from_record(_resolved(raw, accelerator=Hardware, fabric=Fabrics))


def _cluster(raw: dict[str, Any]) -> Fleet:
    return Fleet.from_record(_resolved(raw, node=Nodes, fabric=Fabrics, region=Grids))


Fabrics: Registry[NetworkFabric] = Registry("fabric", NetworkFabric.from_record, "mlsysim.systems", "fabrics")
Nodes: Registry[Node] = Registry("node", _node, "mlsysim.systems", "nodes")
Clusters: Registry[Fleet] = Registry("cluster", _cluster, "mlsysim.systems", "clusters")
Systems: Catalog[Node | NetworkFabric | Fleet] = Catalog("system", Nodes=Nodes, Fabrics=Fabrics, Clusters=Clusters)
