"""Nodes, fabrics, fleets."""

from __future__ import annotations

import pytest

from mlsysim import Hardware, Systems
from mlsysim.core import constants
from mlsysim.errors import InputError
from mlsysim.infra.registry import Grids
from mlsysim.records import RecordError
from mlsysim.systems.registry import Fabrics, Nodes
from mlsysim.systems.types import Fleet, NetworkFabric, Node
from mlsysim.units import Q_


@pytest.mark.parametrize("node", list(Nodes), ids=Nodes.names)
def test_a_node_links_the_devices_with_their_own_link(node):
    assert node.accelerator in list(Hardware)
    assert node.intra_node_bw == node.accelerator.interconnect.bandwidth
    assert node.tdp > node.accelerators_per_node * node.accelerator.tdp


@pytest.mark.parametrize(
    ("name", "rate"),
    [("InfiniBand_HDR", 25), ("InfiniBand_NDR", 50), ("Ethernet_100G", 12.5), ("NVLink_4", 450), ("NVLink_5", 900)],
)
def test_fabrics_are_counted_per_direction(name, rate):
    assert Fabrics[name].bandwidth.m_as("GB/s") == pytest.approx(rate, rel=1e-12)


def test_constants_come_from_the_records():
    assert constants.NVLINK_H100_BW is Fabrics.NVLink_4.bandwidth
    assert constants.INFINIBAND_NDR_BW is Fabrics.InfiniBand_NDR.bandwidth
    assert Hardware.A100.interconnect.bandwidth == constants.NVLINK_A100_BW
    assert Hardware.B200.interconnect.bandwidth == constants.NVLINK_B200_BW


@pytest.mark.parametrize(("nodes", "devices", "total"), [(1, 1, 1), (64, 8, 512), (3, 4, 12)])
def test_a_fleet_counts_its_devices(nodes, devices, total):
    node = Node(name="n", accelerator=Hardware.H100, accelerators_per_node=devices, intra_node_bw="450 GB/s")
    assert Fleet(name="f", node=node, count=nodes).total_accelerators == total


def test_a_fleet_in_full():
    fabric = NetworkFabric(name="NDR", topology="fat-tree", bandwidth=Q_(400, "Gbps"))
    fleet = Fleet(name="f", node=Systems.Nodes.DGX_H100, count=64, fabric=fabric, region=Grids.Quebec)
    assert fleet.fabric is fabric
    assert fleet.region is Grids.Quebec
    assert fleet.node is Systems.Nodes.DGX_H100


NODE = {"name": "n", "accelerator": Hardware.H100, "accelerators_per_node": 8, "intra_node_bw": "450 GB/s"}
FLEET = {"name": "f", "node": Systems.Nodes.DGX_H100, "count": 64}


@pytest.mark.parametrize(
    ("kind", "fields", "place"),
    [
        (Node, {"accelerators_per_node": 0}, "Node.accelerators_per_node: .*greater than or equal to 1; got 0"),
        (Node, {"accelerators_per_node": 8.0}, "Node.accelerators_per_node: .*integer; got 8.0"),
        (Node, {"accelerators_per_node": True}, "Node.accelerators_per_node: .*integer; got True"),
        (Node, {"accelerator": "H100"}, "Node.accelerator: .*HardwareNode; got 'H100'"),
        (Node, {"intra_node_bw": "450 GB"}, "Node.intra_node_bw: it must be a quantity in byte/s"),
        (Node, {"intra_node_bw": 450}, "Node.intra_node_bw: it must be a quantity in byte/s"),
        (Fleet, {"count": 0}, "Fleet.count: .*greater than or equal to 1; got 0"),
        (Fleet, {"count": -3}, "Fleet.count: .*greater than or equal to 1; got -3"),
        (Fleet, {"count": 1.5}, "Fleet.count: .*integer; got 1.5"),
        (Fleet, {"count": "64"}, "Fleet.count: .*integer; got '64'"),
        (Fleet, {"count": float("nan")}, "Fleet.count: .*integer; got nan"),
        (Fleet, {"region": "Quebec"}, "Fleet.region: .*GridProfile; got 'Quebec'"),
        (Fleet, {"fabric": "NDR"}, "Fleet.fabric: .*NetworkFabric; got 'NDR'"),
        (Fleet, {"node": Hardware.H100}, "Fleet.node: .*Node; got HardwareNode"),
    ],
)
def test_what_a_system_may_not_be(kind, fields, place):
    with pytest.raises(RecordError, match=rf"^{place}"):
        kind(**((NODE if kind is Node else FLEET) | fields))


def test_a_misspelt_field_is_refused():
    with pytest.raises(InputError, match=r"unknown field of Fleet 'regoin'; did you mean 'region'"):
        Fleet(**FLEET, regoin=Grids.Quebec)
