"""Formats: their sizes, and what stands in for one that a device lacks."""

from __future__ import annotations

import pytest

from mlsysim.errors import InputError, InputTypeError, UnknownName
from mlsysim.physics.precision import ELEMENT_SIZE, WIDER, compute_format, element_size, has_wider

BITS = {"fp64": 64, "fp32": 32, "tf32": 32, "bf16": 16, "fp16": 16, "fp8": 8, "int8": 8, "fp4": 4, "int4": 4}


def test_sizes_are_the_bits_of_the_name():
    assert {name: size * 8 for name, size in ELEMENT_SIZE.items()} == BITS
    assert element_size("fp16") == 2


def test_every_format_has_a_ladder_that_starts_with_itself_and_never_narrows():
    assert set(WIDER) == set(ELEMENT_SIZE)
    for name, ladder in WIDER.items():
        assert ladder[0] == name
        assert "fp64" in ladder
        sizes = [ELEMENT_SIZE[wider] for wider in ladder if (name, wider) != ("fp16", "bf16")]
        assert sizes == sorted(sizes)
        assert len(set(ladder)) == len(ladder)


def test_no_ladder_leads_from_a_fraction_to_an_integer():
    for name, ladder in WIDER.items():
        if not name.startswith("int"):
            assert not any(wider.startswith("int") for wider in ladder)


@pytest.mark.parametrize(
    ("precision", "available", "computed"),
    [
        ("fp16", {"fp16", "fp32"}, "fp16"),
        ("fp8", {"fp16", "bf16", "fp32"}, "fp16"),
        ("fp8", {"bf16", "int8"}, "bf16"),
        ("bf16", {"fp16", "fp32"}, "fp32"),
        ("bf16", {"tf32", "fp32"}, "tf32"),
        ("fp16", {"bf16", "fp32"}, "fp32"),
        ("fp16", {"bf16", "int8"}, "bf16"),
        ("fp16", {"int8", "fp32"}, "fp32"),
        ("int4", {"int8", "fp16"}, "int8"),
        ("int4", {"fp16", "fp32"}, "fp16"),
        ("fp4", {"fp8", "fp16"}, "fp8"),
        ("fp4", {"int8", "fp16"}, "fp16"),
        ("tf32", {"fp32"}, "fp32"),
        ("fp32", {"tf32", "fp64"}, "fp64"),
    ],
)
def test_the_next_wider_format_computes(precision, available, computed):
    assert compute_format(precision, available, "device") == computed
    assert has_wider(precision, available)


@pytest.mark.parametrize(("precision", "available"), [("fp16", {"int8"}), ("fp64", {"fp32"}), ("bf16", {"fp16"})])
def test_without_a_wider_format_there_is_no_answer(precision, available):
    with pytest.raises(InputError, match=rf"^Coral cannot compute in precision '{precision}', nor in a wider one"):
        compute_format(precision, available, "Coral")
    assert not has_wider(precision, available)


def test_an_unknown_format_is_named_with_the_nearest_one():
    with pytest.raises(UnknownName, match=r"^unknown precision 'pf16'; did you mean 'fp16'"):
        compute_format("pf16", {"fp16"}, "device")
    with pytest.raises(UnknownName, match=r"^unknown kv_precision 'banana'"):
        element_size("banana", "kv_precision")


@pytest.mark.parametrize("given", [None, 16, 2.0, b"fp16", ["fp16"]])
def test_what_is_no_name_is_refused(given):
    with pytest.raises(InputTypeError, match=r"^precision must be a string such as 'fp16'; got"):
        element_size(given)
