"""Devices of one's own: what may be given, in which form, and what is refused."""

from __future__ import annotations

import pytest

from mlsysim import Hardware
from mlsysim.errors import InputError, UnknownName
from mlsysim.hardware.types import ComputeCore, HardwareNode, MemoryHierarchy
from mlsysim.records import RecordError
from mlsysim.units import Q_, ureg

CORE = {"peak_flops": "1 TFLOP/s"}
MEMORY = {"capacity": "1 GB", "bandwidth": "1 GB/s"}
FLASH = {
    "sram_capacity": "256 KiB",
    "sram_bandwidth": "256 MB/s",
    "flash_capacity": "1 MB",
    "flash_bandwidth": "64 MB/s",
}


def test_quantities_and_text_are_the_same():
    core = ComputeCore(peak_flops=1 * ureg.TFLOPs / ureg.s)
    assert core == ComputeCore(peak_flops="1 TFLOPs/s") == ComputeCore(peak_flops=Q_(1, "TFLOP/s"))


def test_the_peak_fills_its_precision_but_does_not_overwrite_it():
    assert ComputeCore(**CORE).precision_flops == {"fp32": Q_("1 TFLOP/s")}
    assert ComputeCore(**CORE, precision_flops={"fp32": "2 TFLOP/s"}).precision_flops == {"fp32": Q_("2 TFLOP/s")}
    both = ComputeCore(**CORE, precision_flops={"int8": "4 TFLOP/s"}).precision_flops
    assert both == {"int8": Q_("4 TFLOP/s"), "fp32": Q_("1 TFLOP/s")}
    assert ComputeCore(peak_precision="fp16", precision_flops={"fp16": "8 TFLOP/s"}).peak_flops == Q_("8 TFLOP/s")


def test_the_caller_keeps_its_own_dictionary():
    mine = {"int8": "4 TFLOP/s"}
    ComputeCore(**CORE, precision_flops=mine)
    assert mine == {"int8": "4 TFLOP/s"}


def test_flash_is_the_main_memory_of_a_microcontroller():
    memory = MemoryHierarchy(**FLASH)
    assert (memory.capacity, memory.bandwidth) == (Q_("1 MB"), Q_("64 MB/s"))


@pytest.mark.parametrize("missing", ["flash_bandwidth", "sram_capacity", "sram_bandwidth"])
def test_flash_needs_all_four_figures(missing):
    with pytest.raises(InputError, match=rf"{missing} must be given where flash_capacity is"):
        MemoryHierarchy(**{name: value for name, value in FLASH.items() if name != missing})


def test_an_overhead_of_zero_can_be_stated():
    assert HardwareNode(name="x", compute=CORE, memory=MEMORY, dispatch_tax="0 s").plain.dispatch_tax == 0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tpd": "1 W"}, "unknown field of HardwareNode 'tpd'; did you mean 'tdp'?"),
        (
            {"memory": {"capacity": "1 GB", "bandwith": "1 GB/s"}},
            "unknown field of MemoryHierarchy 'bandwith'; did you mean 'bandwidth'?",
        ),
        (
            {"compute": {"peak_flop": "1 TFLOP/s"}},
            "unknown field of ComputeCore 'peak_flop'; did you mean 'peak_flops'?",
        ),
        (
            {"compute": {"peak_flops": 989}},
            "ComputeCore.peak_flops: it must be a quantity in flop/s, such as Q_(1, 'flop/s'); got 989",
        ),
        ({"compute": {"peak_flops": "989"}}, "ComputeCore.peak_flops: it must be a quantity in flop/s; got "),
        ({"compute": {"peak_flops": "989 TB/s"}}, "ComputeCore.peak_flops: it must be a quantity in flop/s; got "),
        (
            {"compute": {"peak_flops": "989 TFLIP/s"}},
            "ComputeCore.peak_flops: cannot be read as a quantity in flop/s: 'TFLIP'",
        ),
        ({"compute": {"peak_flops": Q_(-1, "flop/s")}}, "ComputeCore.peak_flops: it must be finite and above 0; got "),
        ({"compute": {"peak_flops": Q_(0, "flop/s")}}, "ComputeCore.peak_flops: it must be finite and above 0; got "),
        ({"compute": {}}, "ComputeCore.peak_flops is missing"),
        (
            {"compute": CORE | {"precision_flops": {"fp61": "1 TFLOP/s"}}},
            "unknown precision 'fp61'; did you mean 'fp64'?",
        ),
        ({"compute": CORE | {"precision_flops": ["fp16"]}}, "ComputeCore.precision_flops: "),
        ({"memory": {"capacity": "1 GB"}}, "MemoryHierarchy.bandwidth is missing"),
        (
            {"memory": MEMORY | {"bandwidth": "3350 GB"}},
            "MemoryHierarchy.bandwidth: it must be a quantity in byte/s; got ",
        ),
        (
            {"memory": MEMORY | {"bandwidth": "-3350 GB/s"}},
            "MemoryHierarchy.bandwidth: it must be finite and above 0; got ",
        ),
        (
            {"memory": MEMORY | {"bandwidth": "nan GB/s"}},
            "MemoryHierarchy.bandwidth: it must be finite and above 0; got ",
        ),
        (
            {"memory": MEMORY | {"capacity": Q_([1, 2], "GB")}},
            "MemoryHierarchy.capacity: it must be one quantity in byte, not an array",
        ),
        ({"memory": None}, "HardwareNode.memory: "),
        ({"name": 3}, "HardwareNode.name: "),
        ({"tdp": "700"}, "HardwareNode.tdp: it must be a quantity in W; got "),
        ({"dispatch_tax": "-1 ms"}, "HardwareNode.dispatch_tax: it must be finite and at least 0; got "),
        ({"dispatch_tax": 0.5}, "HardwareNode.dispatch_tax: it must be a quantity in s"),
        (
            {"efficiency": 0.5},
            "HardwareNode.efficiency: must be fractions by precision, such as {'fp16': 0.8}; got 0.5",
        ),
        ({"efficiency": {"fp16": 1.5}}, "HardwareNode.efficiency: efficiency['fp16'] must lie in (0, 1]; got 1.5"),
        ({"efficiency": {"fp61": 0.5}}, "unknown precision 'fp61'; did you mean 'fp64'?"),
        ({"release_year": 20222}, "HardwareNode.release_year: "),
    ],
)
def test_what_a_device_may_not_be(fields, message):
    with pytest.raises(InputError) as caught:
        HardwareNode(**({"name": "x", "compute": CORE, "memory": MEMORY} | fields))
    assert str(caught.value).startswith(message)
    assert str(caught.value).count("; got ") <= 1


def test_a_misspelt_field_wins_over_the_one_that_is_missing_because_of_it():
    with pytest.raises(UnknownName, match=r"unknown field of MemoryHierarchy 'capcity'; did you mean 'capacity'"):
        MemoryHierarchy(capcity="80 GiB", bandwidth="1 GB/s")


def test_a_missing_field_lists_those_that_there_are():
    with pytest.raises(
        RecordError, match=r"^HardwareNode.memory is missing; HardwareNode has the fields .*memory.*tdp"
    ):
        HardwareNode(name="x", compute=CORE)


def test_a_peak_is_given_only_in_a_format_that_the_device_has():
    with pytest.raises(UnknownName, match=r"^unknown precision of NVIDIA A100 SXM4 80GB 'fp8'; did you mean 'fp64'"):
        Hardware.A100.peak("fp8")


def test_a_ridge_needs_a_bandwidth():
    with pytest.raises(InputError, match=r"has no ridge point: the bandwidth of its memory is not published"):
        Hardware.Coral.ridge_point("int8")


def test_json_of_a_record_can_be_read_back():
    node = HardwareNode(name="x", compute=CORE, memory=MEMORY, tdp="700 W", dispatch_tax="5 us")
    read = HardwareNode.model_validate_json(node.model_dump_json())
    assert read == node
