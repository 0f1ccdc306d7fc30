"""Nodes, fabrics, fleets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mlsysim import Hardware, Systems
from mlsysim.core import constants
from mlsysim.errors import InputError
from mlsysim.infra.registry import Grids
from mlsysim.records import RecordError
from mlsysim.systems.registry import Clusters, Fabrics, Nodes
from mlsysim.systems.types import Fleet, NetworkFabric, Node
from mlsysim.units import Q_

BIBLIOGRAPHY = (Path(__file__).parents[2] / "references.bib").read_text("utf-8")


def entry(key):
    found = re.search(rf"^@\w+\{{{re.escape(key)},.*?^\}}", BIBLIOGRAPHY, re.MULTILINE | re.DOTALL)
    return found[0] if found else ""


@pytest.mark.parametrize("name", Systems.names)
def test_every_figure_has_a_source_with_an_address(name):
    record = Systems[name]
    assert record.figures
    for figure in record.figures.values():
        assert re.search(r"^\s*(url|doi)\s*=", entry(figure.source), re.MULTILINE), figure.source
        assert figure.value > 0


def test_no_name_stands_for_two_records():
    names = [*Hardware.names, *Systems.names]
    assert len(set(names)) == len(names)
    assert len({record.name for record in Systems}) == len(Systems)


@pytest.mark.parametrize("name", Nodes.names)
def test_a_node_links_the_devices_with_a_link_they_have(name):
    node = Nodes[name]
    assert any(node.accelerator is device for device in Hardware)
    assert node.intra_node_bw == node.fabric.bandwidth
    own = node.accelerator.interconnect.bandwidth
    leaving = {"Gaudi3_8Card": 3 * Q_(200, "Gbps"), "AWS_Trn2": Q_(128, "GB/s")}  # ports that lead out of the node
    assert (node.intra_node_bw + leaving.get(name, 0 * own)).m_as("GB/s") == pytest.approx(own.m_as("GB/s"))


@pytest.mark.parametrize("node", [node for node in Nodes if node.tdp is not None], ids=lambda node: node.name)
def test_a_node_draws_more_than_its_accelerators(node):
    assert node.tdp > node.accelerators_per_node * node.accelerator.tdp
    assert node.tdp < 2.5 * node.accelerators_per_node * node.accelerator.tdp


def test_cards_for_the_network_are_counted_with_their_rate():
    for node in Nodes:
        assert (node.nics is None) == (node.nic_bandwidth is None)
        assert (node.inter_node_bw is None) == (node.nics is None)
    assert Nodes.DGX_A100.inter_node_bw.m_as("GB/s") == 200
    assert Nodes.DGX_H100.inter_node_bw.m_as("GB/s") == 400
    assert Nodes.GB200_NVL72.inter_node_bw.m_as("Tbps") == pytest.approx(72 * 0.4)


@pytest.mark.parametrize(
    ("name", "quoted"), [("NVLink_1", 160), ("NVLink_2", 300), ("NVLink_3", 600), ("NVLink_4", 900), ("NVLink_5", 1800)]
)
def test_nvlink_is_half_of_what_nvidia_quotes(name, quoted):
    """Data sheets add both directions; a transfer has the bandwidth of one [bekman2025network]."""
    fabric = Fabrics[name]
    assert fabric.bandwidth.m_as("GB/s") == quoted / 2
    assert Q_(fabric.figures["bandwidth"].quoted).m_as("GB/s") == pytest.approx(quoted)


@pytest.mark.parametrize("name", ["xGMI_MI300X", "xGMI_MI250X", "ICI_v5p", "ICI_v5e", "ICI_v6e", "NeuronLink_v3"])
def test_other_links_are_half_of_what_is_quoted(name):
    figure = Fabrics[name].figures["bandwidth"]
    quoted = float(re.match(r"[\d.]+", figure.quoted.replace(",", ""))[0]) * (1000 if "TB/s" in figure.quoted else 1)
    assert figure.value == quoted / 2
    assert "per direction" in figure.condition


@pytest.mark.parametrize("fabric", [fabric for fabric in Fabrics if fabric.links], ids=lambda fabric: fabric.name)
def test_links_add_up_to_the_bandwidth(fabric):
    assert fabric.links * fabric.link_bandwidth.m_as("GB/s") == pytest.approx(fabric.bandwidth.m_as("GB/s"))


RATES = {"EDR": 100, "HDR": 200, "NDR": 400, "XDR": 800} | {f"{rate}G": rate for rate in (10, 25, 100, 200, 400, 800)}


@pytest.mark.parametrize("name", [name for name in Fabrics.names if name.startswith(("InfiniBand", "Ethernet"))])
def test_networks_have_their_line_rate(name):
    assert Fabrics[name].bandwidth.m_as("Gbps") == pytest.approx(RATES[name.split("_")[1]])
    assert "per port" in Fabrics[name].figures["bandwidth"].condition


def test_every_generation_of_a_network_is_there():
    assert {name.split("_")[1] for name in Fabrics.names if name.startswith(("InfiniBand", "Ethernet"))} == set(RATES)


def test_latencies_are_measured():
    latencies = {name: Fabrics[name].latency for name in Fabrics.names if Fabrics[name].latency is not None}
    assert {"NVLink_3", "NVLink_4", "NVLink_5", "InfiniBand_EDR", "InfiniBand_HDR"} <= set(latencies)
    assert all(0.5 < latency.m_as("us") < 10 for latency in latencies.values())
    assert all(Fabrics[name].figures["latency"].condition for name in latencies)


@pytest.mark.parametrize("name", ["InfiniBand_EDR", "InfiniBand_HDR"])
def test_infiniband_takes_one_to_two_microseconds(name):
    """Release 0.1.1 has 5 us; measured are 1.27 and 1.61 us [microsoft2026hb, microsoft2019hbv2]."""
    assert 1 < Fabrics[name].latency.m_as("us") < 2


@pytest.mark.parametrize("name", Clusters.names)
def test_a_cluster_says_who_counted_its_nodes(name):
    cluster = Clusters[name]
    assert cluster.figures["count"].value == cluster.count
    assert cluster.figures["count"].condition
    assert any(cluster.fabric is fabric for fabric in Fabrics)
    assert cluster.illustrative == (name in ("Research_256", "Production_2K", "Frontier_8K", "Mega_100K"))
    assert ("the composition is ours" in (cluster.note or "")) == cluster.illustrative


@pytest.mark.parametrize(
    ("name", "accelerators"),
    [
        ("Research_256", 256),
        ("Production_2K", 2048),
        ("Frontier_8K", 8192),
        ("Mega_100K", 100_000),
        ("Llama3_24K", 24_576),  # dubey2024llama3
        ("Llama3_16K", 16_384),  # dubey2024llama3
        ("MegaScale_12K", 12_288),  # jiang2024megascale
        ("Meta_RSC", 16_000),  # kokolis2025reliability
        ("Selene_2020", 2240),  # trueman2020selene
        ("DeepSeek_V3_2K", 2048),  # deepseek2025insights
        ("TPUv4_Pod", 4096),  # google2025v4
        ("TPUv5p_Pod", 8960),  # google2025v5p
        ("TPUv5e_Pod", 256),  # google2025v5e
        ("TPUv6e_Pod", 256),  # google2025v6e
        ("Colossus_100K", 100_000),  # moss2024colossus
    ],
)
def test_a_cluster_has_as_many_accelerators_as_published(name, accelerators):
    assert Clusters[name].total_accelerators == accelerators


def test_the_power_of_a_fleet_is_that_of_its_nodes():
    assert Clusters.Research_256.power.m_as("kW") == pytest.approx(32 * 10.2)
    assert Clusters.Mega_100K.power.m_as("MW") == pytest.approx(127.5)
    assert Clusters.Llama3_24K.power is None


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


def test_a_node_takes_the_bandwidth_of_its_fabric():
    node = Node(name="n", accelerator=Hardware.H100, accelerators_per_node=8, fabric=Fabrics.NVLink_4)
    assert node.intra_node_bw == Fabrics.NVLink_4.bandwidth
    slower = Node(
        name="n", accelerator=Hardware.H100, accelerators_per_node=8, fabric=Fabrics.NVLink_4, intra_node_bw="9 GB/s"
    )
    assert slower.intra_node_bw == Q_(9, "GB/s")


def test_a_file_of_your_own_may_name_our_records(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "Mine:\n  name: mine\n  node: DGX_H100\n  fabric: InfiniBand_NDR\n  region: Quebec\n"
        "  count: {value: 4, unit: dimensionless, source: mine}\n"
    )
    mine = Clusters.load(path).Mine
    assert (mine.node, mine.region, mine.total_accelerators) == (Nodes.DGX_H100, Grids.Quebec, 32)
    path.write_text("Mine:\n  name: mine\n  node: DGX_H10\n  count: 4\n")
    with pytest.raises(InputError, match="unknown node 'DGX_H10'; did you mean 'DGX_H100'"):
        Clusters.load(path)
