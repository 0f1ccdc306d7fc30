"""Fabrics and nodes: `Fabrics.InfiniBand_NDR`, `Nodes.DGX_H100`; `Systems` holds both."""

from typing import Any

from mlsysim.hardware.registry import Hardware
from mlsysim.records import Catalog, Registry, split_figures
from mlsysim.systems.types import NetworkFabric, Node


def _node(raw: dict[str, Any]) -> Node:
    fields, figures = split_figures(raw)
    link = Fabrics[fields.pop("intra_node")]
    accelerator = Hardware[fields.pop("accelerator")]
    return Node(**fields, accelerator=accelerator, intra_node_bw=link.bandwidth, figures=figures)


Fabrics: Registry[NetworkFabric] = Registry("fabric", NetworkFabric.from_record, "mlsysim.systems", "fabrics")
Nodes: Registry[Node] = Registry("node", _node, "mlsysim.systems", "nodes")
Systems: Catalog[Node | NetworkFabric] = Catalog("system", Nodes=Nodes, Fabrics=Fabrics)
