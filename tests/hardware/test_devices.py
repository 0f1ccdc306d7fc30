"""The devices: figures that vendors publish, and that others have got wrong."""

from __future__ import annotations

import pytest

from mlsysim import Hardware
from mlsysim.physics.precision import ELEMENT_SIZE

DEVICES = {
    "V100",
    "T4",
    "A100",
    "H100",
    "H200",
    "B200",
    "MI300X",
    "TPUv5p",
    "JetsonOrinNX",
    "Coral",
    "ESP32_S3",
    "nRF52840",
}
every_device = pytest.mark.parametrize("device", list(Hardware), ids=Hardware.names)


def test_the_devices_that_the_book_needs_are_there():
    assert set(Hardware.names) >= DEVICES


@pytest.mark.parametrize(
    ("name", "path", "value", "unit"),
    [
        ("H100", "compute.precision_flops.fp32", 66.9, "TFLOP/s"),
        ("H200", "compute.precision_flops.fp32", 66.9, "TFLOP/s"),
        ("H100", "compute.precision_flops.fp16", 989.4, "TFLOP/s"),
        ("A100", "compute.precision_flops.fp16", 312, "TFLOP/s"),
        ("B200", "compute.precision_flops.int8", 4500, "TFLOP/s"),
        ("B200", "compute.precision_flops.fp4", 9000, "TFLOP/s"),
        ("B200", "memory.bandwidth", 7.7, "TB/s"),
        ("B200", "memory.capacity", 183359, "MiB"),
        ("H200", "memory.capacity", 143771, "MiB"),
        ("H100", "memory.capacity", 81559, "MiB"),
        ("A100", "memory.capacity", 81920, "MiB"),
        ("T4", "memory.capacity", 15360, "MiB"),
        ("V100", "interconnect.bandwidth", 150, "GB/s"),
        ("A100", "interconnect.bandwidth", 300, "GB/s"),
        ("H100", "interconnect.bandwidth", 450, "GB/s"),
        ("B200", "interconnect.bandwidth", 900, "GB/s"),
        ("TPUv5p", "interconnect.bandwidth", 600, "GB/s"),
        ("TPUv5p", "compute.precision_flops.bf16", 459, "TFLOP/s"),
        ("JetsonOrinNX", "compute.precision_flops.int8", 30.1, "TFLOP/s"),
        ("MI300X", "compute.precision_flops.fp16", 1307.4, "TFLOP/s"),
    ],
)
def test_figures_that_others_got_wrong(name, path, value, unit):
    assert Hardware[name].figures[path].quantity.m_as(unit) == pytest.approx(value, rel=1e-12)


def test_a100_to_h100_is_a_factor_of_three_at_the_same_precision():
    assert (Hardware.H100.peak("fp16") / Hardware.A100.peak("fp16")).m_as("dimensionless") == pytest.approx(
        3.17, abs=0.005
    )
    assert (Hardware.H100.memory.bandwidth / Hardware.A100.memory.bandwidth).m_as("") == pytest.approx(1.64, abs=0.005)


@every_device
def test_the_headline_peak_is_that_of_its_precision(device):
    assert device.compute.peak_flops == device.compute.precision_flops[device.compute.peak_precision] == device.peak()


INT8_CUT = ("NVIDIA B300", "NVIDIA GB300")
"""Blackwell Ultra gave up int8 for fp4: its int8 peak is a fraction of its bf16 one."""


@every_device
def test_a_narrower_format_is_never_slower(device):
    families = [["fp64", "fp32", "tf32", "fp16", "fp8", "fp4"]]
    if not device.name.startswith(INT8_CUT):
        families.append(["bf16", "int8", "int4"])
    for family in families:
        peaks = [device.plain.peaks[precision] for precision in family if precision in device.plain.peaks]
        assert peaks == sorted(peaks)


@every_device
def test_dense_peaks_are_not_the_sparse_ones(device):
    for precision, sparse in device.compute.sparse_flops.items():
        dense = device.compute.precision_flops[precision]
        factor = (sparse / dense).m_as("dimensionless")
        assert 1 < factor <= 4
        if precision in ("fp16", "bf16") and device.vendor == "NVIDIA" and "Jetson" not in device.name:
            assert factor == pytest.approx(2.0, rel=1e-2), "2:4 sparsity doubles the rate"


@every_device
def test_a_measured_efficiency_belongs_to_a_format_that_the_device_has(device):
    for precision, value in device.efficiency.items():
        assert precision in device.compute.precision_flops
        assert 0 < value <= 1


@every_device
def test_plain_numbers_are_the_quantities_in_base_units(device):
    plain = device.plain
    assert set(plain.peaks) == set(device.compute.precision_flops) <= set(ELEMENT_SIZE)
    for precision, peak in plain.peaks.items():
        assert peak == device.compute.precision_flops[precision].m_as("flop/s")
    assert plain.capacity == device.memory.capacity.m_as("byte")
    assert plain.tdp == (None if device.tdp is None else device.tdp.m_as("W"))
    assert plain.dispatch_tax is None or plain.dispatch_tax == device.dispatch_tax.m_as("s")


@pytest.mark.parametrize(
    ("name", "precision", "ridge"),
    [
        ("H100", "fp16", 295),
        ("A100", "fp16", 153),
        ("V100", "fp16", 139),
        ("T4", "fp16", 203),
        ("H100", "fp8", 591),
        ("H100", "fp32", 20),
        ("nRF52840", "int8", 1),
    ],
)
def test_ridge_points(name, precision, ridge):
    assert f"{Hardware[name].ridge_point(precision).m_as('flop/byte'):.0f}" == str(ridge)


def test_the_ridge_of_the_headline_precision_is_the_default():
    assert Hardware.H100.ridge_point() == Hardware.H100.ridge_point("fp16")


def test_coral_keeps_quiet_about_a_bandwidth_that_nobody_published():
    assert Hardware.Coral.memory.bandwidth is None
    assert set(Hardware.Coral.compute.precision_flops) == {"int8"}


def test_microcontrollers_keep_weights_in_flash():
    for device in Hardware.Tiny:
        assert device.memory.capacity == device.memory.flash_capacity
        assert device.memory.bandwidth == device.memory.flash_bandwidth
        assert device.memory.sram_capacity < device.memory.flash_capacity
