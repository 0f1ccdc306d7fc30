"""Collectives: bandwidths worked by hand, and what a record must state."""

from __future__ import annotations

import pytest

from mlsysim import Hardware
from mlsysim.hardware.registry import universal
from mlsysim.validation.adapters import LEVELS
from mlsysim.validation.adapters.collective import predict
from mlsysim.validation.records import Measurement, published
from mlsysim.validation.runner import validate

LIGHT = "speed of light"


def record(measured=("busbw",), unit="GB/s", **inputs):
    figures = {metric: {"value": 1, "unit": unit} for metric in measured}
    return Measurement(id="mine", domain="collective", inputs=inputs, measured=figures, source={"title": "mine"})


def ask(level=LIGHT, measured=("busbw",), unit="GB/s", **inputs):
    answers = predict(record(measured, unit, **inputs), level)
    return [one if isinstance(one, str) else float(one.m_as(unit)) for one in answers.values()]


def all_reduce(level=LIGHT, measured=("busbw",), unit="GB/s", **inputs):
    asked = {"collective": "all-reduce", "hardware": "a100-sxm-80gb", "count": 8, "message_bytes": 2**30}
    return ask(level, measured, unit, **asked | inputs)


class TestInANode:
    def test_a_ring_at_the_speed_of_its_links(self):
        """NVLink 3, 300 GB/s: a tensor of 1 GiB takes 14/8 of it at that."""
        assert all_reduce() == pytest.approx([300])
        assert all_reduce(measured=("algbw",)) == pytest.approx([300 * 8 / 14])
        assert all_reduce(measured=("time",), unit="us") == pytest.approx([14 / 8 * 2**30 / 300e9 * 1e6])

    def test_at_the_universal_share_of_it(self):
        seconds = 3e-6 + 14 / 8 * 2**30 / (0.8 * 300e9)
        assert all_reduce("datasheet") == pytest.approx([14 / 8 * 2**30 / seconds / 1e9])

    def test_by_the_fastest_of_ncclss_ways(self):
        """Of a tensor of 1 GiB among eight H200, sums in the switch."""
        fit = Hardware.H200.kernels.all_reduce["nccl_switch"]
        seconds = fit.setup + 9 / 8 * 2**30 / fit.bandwidth
        found = all_reduce("fitted", hardware="h200-sxm")
        assert found == pytest.approx([14 / 8 * 2**30 / seconds / 1e9])

    @pytest.mark.parametrize(
        "said",
        [
            {"measured": ("busbw_nvls_off",)},
            {"collective": "all-reduce ring (NVLS off)"},
            {"algorithm_chosen": "Ring"},
        ],
    )
    def test_where_the_switch_makes_no_sums_a_ring_does(self, said):
        fit = Hardware.H200.kernels.all_reduce["nccl"]
        seconds = fit.setup + 14 * fit.latency + 14 / 8 * 2**30 / fit.bandwidth
        assert all_reduce("fitted", hardware="h200-sxm", **said) == pytest.approx([14 / 8 * 2**30 / seconds / 1e9])

    def test_kernels_of_serving_engines_are_not_asked(self):
        custom, nccl = (Hardware.H200.kernels.all_reduce[key] for key in ("custom", "nccl_low_latency"))
        seconds = nccl.setup + 14 * nccl.latency + 14 / 8 * 1024 / nccl.bandwidth
        assert custom.setup < seconds / 2
        found = all_reduce("fitted", measured=("time",), unit="s", hardware="h200-sxm", message_bytes=1024)
        assert found == pytest.approx([seconds])

    def test_a_python_program_waits_for_its_host_too(self):
        plain, python = (
            all_reduce("fitted", measured=("time",), unit="s", tool=tool)[0]
            for tool in ("nccl-tests", "all_reduce_bench.py")
        )
        assert python - plain == pytest.approx(Hardware.A100.kernels.launch["eager"].floor)

    def test_half_an_all_reduce_is_a_gather_or_a_reduce_scatter(self):
        for kind in ("all-gather", "reduce-scatter"):
            assert all_reduce(collective=kind) == pytest.approx([300])
            seconds = all_reduce(collective=kind, measured=("time",), unit="s")
            assert seconds == pytest.approx([7 / 8 * 2**30 / 300e9])

    def test_an_all_to_all(self):
        assert all_reduce(collective="all-to-all") == pytest.approx([300])

    def test_five_of_eight_are_one_group(self):
        assert all_reduce(count=5) == pytest.approx([300])

    def test_two_of_eight_joined_in_pairs_have_one_link(self):
        assert all_reduce(hardware="mi300x", count=2) == pytest.approx([64])
        assert all_reduce(hardware="mi300x", count=8) == pytest.approx([448])


class TestBetweenNodes:
    def test_a_ring_enters_a_node_by_all_its_cards(self):
        """Four nodes of eight with 25 GB/s each: 200 GB/s into a node, less than the 300 inside."""
        asked = {"nodes": 4, "count": 32, "inter_node": "8x 200 Gb/s per node (25 GB/s per GPU)"}
        assert all_reduce(**asked) == pytest.approx([200])

    def test_devices_that_fill_no_single_node_are_in_several(self):
        assert all_reduce(count=32, inter_node="25 GB/s") == pytest.approx([200])

    def test_the_network_must_be_stated(self):
        assert all_reduce(count=32) == ["it does not state the bandwidth between its nodes"]


class TestExperts:
    STATED = {  # noqa: RUF012
        "collective": "MoE all-to-all",
        "hardware": "h800",
        "tokens_per_rank": 128,
        "hidden": 7168,
        "topk": 8,
        "inter_node": "CX7 400 Gb/s (~50 GB/s) per GPU",
    }

    def test_each_token_goes_to_eight_experts_over_the_network(self):
        """128·8·7168 bytes in fp8, twice that in bf16, at 50 GB/s."""
        asked = {"measured": ("dispatch_latency", "combine_latency"), "unit": "us", "count": 8}
        assert ask(**self.STATED, **asked) == pytest.approx([146.8, 293.6], rel=1e-3)
        reached = universal("network_efficiency")
        assert ask("fitted", **self.STATED, **asked) == pytest.approx([146.8 / reached, 293.6 / reached], rel=1e-3)

    def test_what_its_link_reaches(self):
        assert ask(**self.STATED, measured=("dispatch_bw",), count=8) == pytest.approx([50])

    def test_kernels_for_throughput_use_the_links_of_a_node(self):
        asked = {"measured": ("dispatch_bottleneck_bw",), "topk_groups": 4}
        assert ask(**self.STATED, **asked, count=8) == pytest.approx([200])
        assert ask(**self.STATED, **asked, count=16) == pytest.approx([50])


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"message_bytes": None}, "the record does not state message_bytes"),
        ({"collective": None}, "the record does not state collective"),
        ({"collective": "gossip"}, "busbw of 'gossip' is nothing that we predict of a collective"),
        ({"measured": ("jitter",)}, "jitter of 'all-reduce' is nothing that we predict of a collective"),
        ({"hardware": "h900"}, "the package has no device 'h900'"),
        ({"hardware": "T4"}, "we have no node of NVIDIA T4"),
    ],
)
def test_why_a_figure_is_not_answered(changes, because):
    (answer,) = all_reduce(**changes)
    assert answer.startswith(because)


@pytest.mark.parametrize("level", LEVELS)
def test_each_record_is_answered(level):
    for one in published("collective"):
        assert set(predict(one, level)) == set(one.measured)
    errors = validate(published("collective"), level).groups["collective"]
    assert errors.answered == errors.records == 49


def test_no_measurement_beats_the_speed_of_light():
    for row in validate(published("collective"), LIGHT).comparisons:
        slower = row.error_pct if "bw" in row.metric else -row.error_pct
        assert slower > 0, row.record.id


def test_the_fitted_level_is_near_and_nearest():
    """The issue asks for a median of 15 %; no figure of the records is in a fit."""
    found = {level: validate(published("collective"), level).groups["collective"] for level in LEVELS}
    assert found["fitted"].median_abs_error_pct < 12
    medians = [found[level].median_abs_error_pct for level in LEVELS]
    assert medians == sorted(medians, reverse=True)
