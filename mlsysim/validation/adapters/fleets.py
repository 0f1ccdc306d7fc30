"""The fleets on which runs were trained: devices, nodes and the network between them, from what a record states."""

from __future__ import annotations

import re
from typing import Any

from mlsysim.systems.registry import Systems
from mlsysim.systems.types import Fleet, NetworkFabric, Node
from mlsysim.units import Quantity
from mlsysim.validation.adapters.names import NotStated, device, stated
from mlsysim.validation.records import Measurement

NODES = {
    "a100-sxm-80gb": "DGX_A100",
    "a100-sxm-40gb": "DGX_A100",
    "h100-sxm": "DGX_H100",
    "h100-sxm-96gb-hbm2e-500w": "Grand_Teton_H100",
    "b200": "DGX_B200",
    "gb200": "GB200_NVL72",
    "gb300": "GB300_NVL72",
    "tpu-v4": "TPUv4_Host",
    "tpu-v5e": "TPUv5e_Host",
    "tpu-v5p": "TPUv5p_Host",
    "tpu-v6e": "TPUv6e_Host",
}
"""The machines of the package whose network stands in where a record states none."""

UNKNOWN_PEAK = {"h100-sxm-96gb-hbm2e-500w": "H100"}
"""Devices that are one of ours but for a peak, under a cap of power, that is not published: memory use is known."""

_CARDS = re.compile(r"(?:(?P<cards>\d+)x )?[^,;]*?(?P<rate>\d+) Gb/s(?P<each> per GPU)?(?P<whole>[^,;]* per node)?")


def fleet_of(record: Measurement) -> Fleet:
    """Return the fleet of a record.

    Raises
    ------
    NotStated
        If neither the record nor the package says what its devices are joined by.
    """
    (count,) = stated(record, "count")
    accelerator = device(UNKNOWN_PEAK.get(record.hardware, record.inputs.get("hardware")))
    known = Systems.Nodes[NODES[record.hardware]] if record.hardware in NODES else None
    if known is None:
        raise NotStated(f"no machine with {accelerator.name} is recorded, and the record states none")
    each = _each(count, record.inputs.get("gpus_per_node") or known.accelerators_per_node)
    between = network(record.inputs.get("inter_node"), each)
    if between is None and known.inter_node_bw is not None:
        between = known.inter_node_bw / known.accelerators_per_node
    if between is None and count > each:
        between = known.intra_node_bw if known.fabric and known.fabric.topology == "3D torus" else None
        if between is None:
            raise NotStated(f"the network between nodes of {known.name} is not stated")
    node = Node(
        name=known.name,
        accelerator=accelerator,
        accelerators_per_node=each,
        intra_node_bw=known.intra_node_bw,
    )
    fabric = None if between is None else NetworkFabric(name="network of the record", bandwidth=between)
    return Fleet(name=record.id, node=node, count=count // each, fabric=fabric)


def _each(count: int, most: int) -> int:
    """Devices of a node: as many as it has, or of those the most of which the run uses equally many in each."""
    return next(number for number in range(min(count, most), 0, -1) if count % number == 0)


def network(text: Any, devices: int) -> Any:
    """Return the bandwidth of one device into the network between nodes, per direction; None where none is stated.

    Examples
    --------
    >>> print(network("4x Omni-Path 100 Gb/s", 8).to("GB/s"))
    6.25 GB/s
    >>> print(network("1600 Gb/s RoCE per node", 8).to("GB/s"))
    25.0 GB/s
    """
    found = _CARDS.search(text) if isinstance(text, str) else None
    if found is None:
        return None
    rate = Quantity(float(found["rate"]), "Gbps")
    if found["each"]:
        return rate
    if found["whole"]:
        return rate / devices
    return int(found["cards"] or devices) * rate / devices
