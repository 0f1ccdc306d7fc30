"""Constants of kernels and collectives: what they may be, where they come from, who has none."""

from __future__ import annotations

import pytest

from mlsysim import Hardware, Systems
from mlsysim.errors import InputError, UnknownName
from mlsysim.hardware.kernels import FORMS, KERNELS, CollectiveFit, KernelFit
from mlsysim.hardware.registry import UNIVERSAL, universal
from mlsysim.hardware.types import HardwareNode
from mlsysim.references import reference

FITTED = ("A100", "H100", "H200", "B200", "L40S")
every_device = pytest.mark.parametrize("device", [Hardware[name] for name in FITTED], ids=FITTED)


@every_device
def test_a_device_has_the_fits_of_its_own_kernels(device):
    assert device.kernels is KERNELS[device.kernel_fits]
    assert device.kernels.name == device.name


SAME_CHIP = {"A100_40GB": "A100"}
"""Devices that were not timed themselves: only their memory differs from that of one that was."""


def test_only_chips_whose_kernels_were_timed_have_fits():
    assert set(KERNELS.names) == set(FITTED)
    having = {*KERNELS.names, *SAME_CHIP}
    assert {device.name for device in Hardware if device.kernels} == {Hardware[name].name for name in having}


@pytest.mark.parametrize(("name", "timed"), SAME_CHIP.items())
def test_a_chip_with_another_memory_has_the_same_arithmetic_and_links(name, timed):
    one, other = Hardware[name], Hardware[timed]
    assert one.kernel_fits == timed
    assert one.plain.peaks == other.plain.peaks
    assert one.interconnect.bandwidth == other.interconnect.bandwidth


@every_device
def test_kernels_are_of_formats_that_the_device_has(device):
    for kind in ("gemm", "prefill_attention"):
        assert set(getattr(device.kernels, kind)) <= set(device.plain.peaks)


@every_device
def test_each_kind_has_the_constants_of_its_form(device):
    kernels = device.kernels
    for fit in kernels.gemm.values():
        assert None not in (fit.efficiency, fit.memory_efficiency, fit.held_out_error)
        assert fit.half_length is None
    for fit in kernels.decode_attention.values():
        assert (fit.efficiency, fit.half_length) == (None, None)
        assert fit.memory_efficiency is not None
    for fit in kernels.prefill_attention.values():
        assert fit.memory_efficiency is None
        assert fit.efficiency is not None
        assert 100 < fit.half_length < 5000


@every_device
def test_floors_are_microseconds_and_links_below_the_wire(device):
    kernels = device.kernels
    for kind in ("gemm", "decode_attention", "prefill_attention"):
        for fit in getattr(kernels, kind).values():
            assert 1e-6 < fit.floor < 20e-6
    for collective in (kernels.all_reduce, kernels.all_gather):
        for fit in collective.values():
            assert 0.2 < fit.bandwidth / device.interconnect.bandwidth.m_as("byte/s") < 1
            assert (fit.latency or 0.0) < fit.setup < 100e-6
    for fit in kernels.launch.values():
        assert 20e-6 < fit.floor < 50e-6


@every_device
def test_custom_kernels_start_sooner_than_nccl(device):
    if fits := device.kernels.all_reduce:
        assert fits["custom"].setup < fits["nccl_low_latency"].setup < fits["nccl"].setup
        assert fits["custom"].latency < fits["nccl"].latency == fits["nccl_low_latency"].latency
        assert fits["nccl_low_latency"].bandwidth < fits["nccl"].bandwidth


def test_switches_make_sums_from_the_fourth_nvlink_on():
    summed = {name for name in KERNELS.names if "nccl_switch" in KERNELS[name].all_reduce}
    assert summed == {"H100", "H200", "B200"}
    assert all(KERNELS[name].all_reduce["nccl_switch"].latency is None for name in summed)
    for node in Systems.Nodes:
        if node.accelerator.kernels and node.fabric:
            assert node.fabric.sums == ("nccl_switch" in node.accelerator.kernels.all_reduce), node.name


def test_a_narrower_format_reaches_less_of_its_peak():
    for name in FITTED:
        reached = [fit.efficiency for fit in Hardware[name].kernels.gemm.values()]
        assert reached == sorted(reached, reverse=True)


@every_device
def test_every_constant_says_where_it_comes_from(device):
    figures = device.kernels.figures
    assert len(figures) >= 6
    for path, figure in figures.items():
        assert device.source(path).figure == figure
        assert reference(figure.source).url
        assert figure.date >= "2026"
        assert figure.condition.startswith(FORMS[path.split(".")[1]])


def test_the_source_of_a_constant_reads_as_a_sentence():
    text = str(Hardware.H100.source("kernels.gemm.bf16.floor"))
    assert text.startswith("kernels.gemm.bf16.floor of NVIDIA H100 SXM5 80GB: 2.96 µs\n")
    assert "fastest of sglang 0.5.14, trtllm 1.3.0rc20, vllm 0.24.0 at 322 points" in text
    assert "median error 3.7%" in text
    assert "4.2% on shapes left out" in text


def test_a_misspelt_constant_gets_the_nearest_one():
    with pytest.raises(UnknownName, match=r"did you mean 'kernels.gemm.bf16.floor'"):
        Hardware.H100.source("kernels.gemm.bf16.flor")


def test_the_text_of_a_device_lists_its_constants():
    assert "kernels.all_reduce.custom.bandwidth" in str(Hardware.H100)


def test_a_plain_constant_is_its_figure_in_si_units():
    kernels = Hardware.B200.kernels
    for path, figure in kernels.figures.items():
        _, kind, key, name = path.split(".")
        plain = getattr(getattr(kernels, kind)[key], name)
        assert figure.quantity.to_base_units().magnitude == pytest.approx(plain, rel=1e-5)


def test_a_device_of_ones_own_may_borrow_fits():
    core = {"peak_flops": "989 TFLOP/s", "peak_precision": "fp16"}
    memory = {"capacity": "96 GB", "bandwidth": "4 TB/s"}
    mine = HardwareNode(name="x", compute=core, memory=memory, kernel_fits="H100")
    assert mine.kernels is Hardware.H100.kernels
    assert mine.source("kernels.gemm.fp8.efficiency").record == "x"
    with pytest.raises(UnknownName, match=r"unknown kernel fits 'H10'; did you mean 'H100'"):
        _ = HardwareNode(name="x", compute=core, memory=memory, kernel_fits="H10").kernels


@pytest.mark.parametrize(
    ("record", "change"),
    [
        (KernelFit, {"efficiency": 1.2}),
        (KernelFit, {"floor_us": 0}),
        (KernelFit, {"rows": -1}),
        (CollectiveFit, {"bandwidth_GBps": -5}),
    ],
)
def test_impossible_constants_are_refused(record, change):
    own = {"floor_us": 3} if record is KernelFit else {"setup_us": 3, "latency_us": 1, "bandwidth_GBps": 300}
    shared = {"rows": 1, "rejected": 0, "median_error": 0.1, "p90_error": 0.2, "engines": ["one"]}
    assert record.from_raw(own | shared)
    with pytest.raises(InputError):
        record.from_raw(own | shared | change)


def test_universal_constants_are_plain_numbers_with_a_source():
    assert (universal("efficiency"), universal("memory_efficiency"), universal("kernel_floor")) == (0.78, 0.8, 3e-6)
    assert UNIVERSAL["kernel_floor"].text == "3 µs"
    with pytest.raises(UnknownName, match=r"unknown universal constant"):
        universal("efficency")
