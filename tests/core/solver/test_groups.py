"""Where ranks sit, and what their collectives cost on the links that they cross."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsysim import Fleet, Hardware, NetworkFabric, Node, Systems
from mlsysim.core.solver.fleet.groups import Group, Network
from mlsysim.core.solver.node.kernels import Calibration
from mlsysim.errors import InputError

H100 = Hardware.H100


def network(level="none", congestion=1.0, node_bw="450 GB/s", latency=None, **fabric):
    node = Node(name="node", accelerator=H100, accelerators_per_node=8, intra_node_bw=node_bw)
    wire = NetworkFabric(name="wire", bandwidth="50 GB/s", latency=latency, **fabric)
    return Network(
        Fleet(name="fleet", node=node, count=64, fabric=wire), Calibration(H100, "bf16", "bf16", level), congestion
    )


class TestPlaces:
    def test_eight_tensor_parallel_ranks_leave_no_neighbour_in_the_node(self):
        assert Group.of(64, 8, 8) == (64, 1, 64)

    def test_four_tensor_parallel_ranks_leave_pairs(self):
        assert Group.of(64, 4, 8) == (64, 2, 32)

    def test_twelve_ranks_do_not_round_down_to_one_node(self):
        assert Group.of(12, 1, 8) == (12, 4, 3)

    def test_six_ranks_straddle_nodes_of_eight(self):
        assert Group.of(6, 1, 8).nodes == 3

    @given(size=st.integers(1, 4096), stride=st.integers(1, 4096), node=st.integers(1, 72))
    def test_every_rank_is_somewhere_and_none_share_more_than_a_node(self, size, stride, node):
        group = Group.of(size, stride, node)
        assert group.inside * group.nodes == group.size == size
        assert group.inside == 1 or group.inside * stride <= node


class TestTimes:
    def test_gradients_of_70b_over_64_replicas_cross_the_network(self):
        """141.2 GB over 8 tensor-parallel devices: 2·63/64·17.65 GB at 50 GB/s, and not 146 ms."""
        time = network().all_reduce(141.2e9 / 8, Group.of(64, 8, 8))
        assert time == pytest.approx(2 * 63 / 64 * 141.2e9 / 8 / 50e9)
        assert round(1e3 * time) == 695

    def test_four_sums_a_layer_of_70b(self):
        """2048 tokens of four sequences by 8192 in 16 bits, 80 layers, 450 GB/s: 4·80·2·7/8·134 MB / 450 GB/s."""
        once = network().all_reduce(4 * 2048 * 8192 * 2, Group.of(8, 1, 8))
        assert 4 * 80 * once == pytest.approx(4 * 80 * 1.75 * 134_217_728 / 450e9)

    def test_one_ring_through_all_nodes_is_as_fast_as_all_their_cards(self):
        """64 ranks, eight a node: 2·63/64·8 GB at the 8·50 GB/s at which the ring enters a node."""
        time = network().all_reduce(8e9, Group.of(64, 1, 8))
        assert time == pytest.approx(2 * 63 / 64 * 8e9 / 400e9)

    def test_and_no_faster_than_the_links_of_a_device(self):
        time = network(node_bw="300 GB/s").gather(8e9, Group.of(64, 1, 8))
        assert time == pytest.approx(63 / 64 * 8e9 / 300e9)

    def test_a_short_message_is_summed_in_the_node_first(self):
        """In one ring 16 of 126 steps cross the network, between nodes alone 6 in a tree."""
        time = network(latency="5 us").all_reduce(1e3, Group.of(64, 1, 8))
        assert time == pytest.approx(2 * 7 / 8 * 1e3 / 450e9 + 2 * 3 * 5e-6 + 2 * 125 / 50e9)

    def test_steps_of_one_ring_cross_the_network_once_a_node(self):
        """Of 63 steps of a gather, 8/64 have the latency of the network."""
        near, far = (network(latency=of).gather(8e9, Group.of(64, 1, 8)) for of in (None, "8 us"))
        assert far - near == pytest.approx(63 * 8 / 64 * 8e-6)

    def test_a_gather_is_half_an_all_reduce(self):
        group = Group.of(64, 1, 8)
        assert 2 * network().gather(8e9, group) == pytest.approx(network().all_reduce(8e9, group))

    def test_an_exchange_shares_nothing_on_the_way(self):
        """8 GB for 64 ranks: 56/64 of it over the rank's own card, and meanwhile 7/64 inside."""
        time = network().exchange(8e9, Group.of(64, 1, 8))
        assert time == pytest.approx(56 / 64 * 8e9 / 50e9)
        assert network(node_bw="1 GB/s").exchange(8e9, Group.of(64, 1, 8)) == pytest.approx(7 / 64 * 8e9 / 1e9)

    def test_a_small_message_takes_the_tree(self):
        time = network(latency="5 us").all_reduce(1e3, Group.of(64, 8, 8))
        assert time == pytest.approx(2 * 6 * 5e-6 + 2e3 / 50e9)

    def test_a_row_of_stages_waits_for_its_slowest_link(self):
        links = network()
        assert links.send(45e9, 1, 8) == pytest.approx(0.1)
        assert links.send(45e9, 2, 8) == links.send(45e9, 8, 2) == pytest.approx(0.9)

    def test_the_links_of_the_node_count(self):
        group = Group.of(8, 1, 8)
        slow, own = network("fitted", node_bw="45 GB/s"), network("fitted")
        assert slow.all_reduce(1e9, group) > 5 * own.all_reduce(1e9, group)

    def test_cards_of_the_node_bound_what_a_device_sends(self):
        node = Node(
            name="node",
            accelerator=H100,
            accelerators_per_node=8,
            intra_node_bw="450 GB/s",
            nics=4,
            nic_bandwidth="25 GB/s",
        )
        fleet = Fleet(name="fleet", node=node, count=2, fabric=NetworkFabric(name="wire", bandwidth="50 GB/s"))
        links = Network(fleet, Calibration(H100, "bf16", "bf16", "none"), 1.0)
        assert links.gather(1e9, Group.of(2, 8, 8)) == pytest.approx(0.5e9 / 12.5e9)

    @given(congestion=st.floats(1, 10), size=st.sampled_from([2, 12, 64, 512]), stride=st.sampled_from([1, 2, 8, 64]))
    def test_congestion_never_helps_and_spares_the_node(self, congestion, size, stride):
        group = Group.of(size, stride, 8)
        for name in ("all_reduce", "gather", "exchange"):
            alone, crowded = (getattr(network(congestion=by), name)(1e9, group) for by in (1.0, congestion))
            assert crowded == alone if group.nodes == 1 else crowded >= alone

    @given(size=st.sampled_from([2, 4, 8, 12, 64]), stride=st.sampled_from([1, 4, 8]), message=st.floats(1, 1e12))
    def test_bytes_are_conserved(self, size, stride, message):
        """What all ranks receive in an all-gather is what each lacks: N·(N - 1)/N of the tensor."""
        group = Group.of(size, stride, 8)
        inside = (group.inside - 1) / group.inside * message
        between = (group.nodes - 1) / group.nodes * message / group.inside
        assert size * (inside + between) == pytest.approx((size - 1) * message)
        apart = inside / 450e9 + between / 50e9
        ring = (size - 1) / size * message / min(450e9, group.inside * 50e9)
        assert network().gather(message, group) == pytest.approx(apart if group.nodes == 1 else min(apart, ring))

    def test_switches_that_make_sums_save_the_way_round(self):
        """Eight devices send 9/8 of a tensor in place of 14/8."""
        plain = network()
        node = plain.fleet.node.model_copy(update={"fabric": Systems.Fabrics.NVLink_4})
        fleet = plain.fleet.model_copy(update={"node": node})
        group = Group.of(8, 1, 8)
        assert Network(fleet, plain.kernels, 1.0).all_reduce(8e9, group) == pytest.approx(9 / 8 * 8e9 / 450e9)
        assert Network(fleet, plain.kernels, 1.0).gather(8e9, group) == plain.gather(8e9, group)
        ring = Calibration(H100, "bf16", "bf16", "none", in_switch=False)
        assert Network(fleet, ring, 1.0).all_reduce(8e9, group) == plain.all_reduce(8e9, group)

    def test_two_of_eight_that_are_joined_in_pairs_have_one_link(self):
        """Seven links of 64 GB/s: one for two devices, all for eight."""
        node = Systems.Nodes.MI300X_Platform
        links = Network(Fleet(name="x", node=node, count=1), Calibration(Hardware.MI300X, "bf16", "bf16", "none"), 1.0)
        assert links.all_reduce(64e9, Group.of(2, 1, 8)) == pytest.approx(1.0)
        assert links.all_reduce(64e9, Group.of(8, 1, 8)) == pytest.approx(2 * 7 / 8 / 7)

    def test_nothing_and_nobody_take_no_time(self):
        assert network().all_reduce(0.0, Group.of(8, 1, 8)) == network().gather(1e9, Group.of(1, 1, 8)) == 0.0

    def test_a_fleet_without_a_network_says_so(self):
        node = Node(name="node", accelerator=H100, accelerators_per_node=8, intra_node_bw="450 GB/s")
        lonely = Network(Fleet(name="lonely", node=node, count=2), Calibration(H100, "bf16", "bf16"), 1.0)
        with pytest.raises(InputError, match="lonely has no network between its nodes"):
            lonely.gather(1e9, Group.of(16, 1, 8))
