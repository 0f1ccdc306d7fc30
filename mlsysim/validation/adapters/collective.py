"""Collectives: the time of a message over the links that a record states, and the bandwidths that its tool makes of it.

Collectives are those of NCCL, which every tool of the records runs. What a Python program times is also launched by it
one at a time: the host's time comes on top where it was measured. An exchange of experts is as fast as the slowest link
on its way: the network, unless all ranks are in a node.
"""

from __future__ import annotations

import re
from typing import Any

from mlsysim.core.solver.fleet.groups import Group, Network
from mlsysim.core.solver.node.kernels import Calibration
from mlsysim.physics import collectives
from mlsysim.physics.precision import ELEMENT_SIZE
from mlsysim.systems.registry import Nodes
from mlsysim.systems.types import Fleet, NetworkFabric, Node
from mlsysim.units import Q_
from mlsysim.validation.adapters import CALIBRATION
from mlsysim.validation.adapters.figures import number, whole
from mlsysim.validation.adapters.machines import machines
from mlsysim.validation.adapters.names import NotStated, precision, stated
from mlsysim.validation.records import Measurement

HEADLINE = ("busbw", "algbw", "time", "dispatch_bottleneck_bw", "dispatch_latency")

SWITCHED_OFF = "nvls_off"
"""What a metric's name ends with if the switch made no sums."""

KINDS = {"all-reduce": "all_reduce", "all-gather": "gather", "reduce-scatter": "gather", "all-to-all": "exchange"}
"""Our collectives by what the name of a record's begins with."""

FORMATS = {"dispatch": "fp8", "combine": "bf16"}
"""Formats of an exchange of experts where its record states them together."""


def predict(record: Measurement, level: str) -> dict[str, Any]:
    """Return what we predict for each metric of a record, or why we do not."""
    answers = {}
    for metric in record.measured:
        try:
            answers[metric] = _answer(record, metric, level)
        except NotStated as why:
            answers[metric] = str(why)
    return answers


def _answer(record: Measurement, metric: str, level: str) -> Any:
    (name,) = stated(record, "collective")
    if exchange := re.fullmatch(r"(dispatch|combine)_(latency|bw|bottleneck_bw)", metric):
        return _experts(record, *exchange.groups(), level)
    kind = next((ours for begin, ours in KINDS.items() if str(name).startswith(begin)), None)
    if kind is None or not metric.startswith(("busbw", "algbw", "time")):
        raise NotStated(f"{metric} of {name!r} is nothing that we predict of a collective")
    size = number(record, "message_bytes")
    message, time = Q_(size, "byte"), _time(record, metric, kind, float(size), level)
    if metric == "time":
        return time
    if metric == "algbw":
        return message / time
    bus = collectives.all_reduce_bus_bandwidth if kind == "all_reduce" else collectives.bus_bandwidth
    return bus(message, machines(record).count, time)


def _time(record: Measurement, metric: str, kind: str, message: float, level: str) -> Any:
    said = f"{record.inputs['collective']} {record.inputs.get('algorithm_chosen', '')}"
    ring = metric.endswith(SWITCHED_OFF) or re.search(r"\bring\b", said, re.IGNORECASE) is not None
    network = _network(record, level, in_switch=not ring)
    ranks, in_a_node = machines(record).count, _nodes(record) == 1
    group = Group(ranks, ranks, 1) if in_a_node else Group.of(ranks, 1, network.node)
    seconds = getattr(network, kind)(message, group)
    by_python = str(record.inputs.get("tool", "")).endswith(".py")
    return Q_(seconds + (network.kernels.launch if by_python else 0.0), "s")


def _node(record: Measurement) -> Node:
    """Our node of the device that a record names."""
    found = machines(record).hardware
    node = next((one for one in Nodes if one.accelerator is found and one.fabric is not None), None)
    if node is None:
        raise NotStated(f"we have no node of {found.name}")
    return node


def _nodes(record: Measurement) -> int:
    """The nodes that a record states, or else as few as its devices fill."""
    return whole(record, "nodes", default=-(-machines(record).count // _node(record).accelerators_per_node))


def _network(record: Measurement, level: str, in_switch: bool = True) -> Network:
    """The links that a record states: those in our node, and one network card for each of its devices."""
    found, node, nodes = machines(record), _node(record), _nodes(record)
    kernels = Calibration(found.hardware, "bf16", "bf16", CALIBRATION[level], library="nccl", in_switch=in_switch)
    between = re.search(r"([\d.]+) GB/s", str(record.inputs.get("inter_node", "")))
    fabric = NetworkFabric(name=record.inputs["inter_node"], bandwidth=f"{between[1]} GB/s") if between else None
    if nodes > 1 and fabric is None:
        raise NotStated("it does not state the bandwidth between its nodes")
    each = node.accelerators_per_node if nodes == 1 else found.count // nodes
    cards = {} if fabric is None else {"nics": each, "nic_bandwidth": fabric.bandwidth}
    parts = {"accelerator": found.hardware, "accelerators_per_node": each, "fabric": node.fabric}
    return Network(
        Fleet(name=record.id, node=Node(name=node.name, **parts, **cards), count=nodes, fabric=fabric), kernels, 1.0
    )


def _experts(record: Measurement, way: str, what: str, level: str) -> Any:
    """An exchange of the tokens of a rank with experts elsewhere.

    Kernels for throughput send a token once to each node that has an expert of its, those for latency once to each
    expert, and over the network even within a node.
    """
    tokens, hidden, active = (whole(record, name) for name in ("tokens_per_rank", "hidden", "topk"))
    network, ranks = _network(record, level), machines(record).count
    throughput = what == "bottleneck_bw"
    copies = whole(record, "topk_groups", default=active) if throughput else active
    size = ELEMENT_SIZE[precision(record.inputs.get(f"{way}_dtype") or FORMATS[way])]
    message = Q_(tokens * copies * hidden * size, "byte")
    seconds = network.send(float(message.m_as("byte")), *((1, ranks) if throughput else (network.node, 2)))
    return Q_(seconds, "s") if what == "latency" else message / Q_(seconds, "s")
