"""Units keep apart what must not be added, convert exactly, and refuse at the door what is no quantity."""

from __future__ import annotations

import math

import pint
import pytest

from mlsysim.errors import InputError, InputTypeError
from mlsysim.units import Q_, UnitError, pretty, strip, unit, ureg, wrap

BASES = ["byte", "flop", "param", "token", "dollar", "gCO2e", "second", "meter", "gram"]


@pytest.mark.parametrize("first", BASES)
@pytest.mark.parametrize("second", BASES)
def test_what_counts_different_things_is_never_added(first, second):
    if first == second:
        assert (Q_(8, first) + Q_(3, second)).m_as(first) == 11
    else:
        with pytest.raises(pint.DimensionalityError):
            Q_(8, first) + Q_(3, second)


@pytest.mark.parametrize("counted", ["byte", "flop", "param", "token", "dollar", "gCO2e"])
def test_a_counted_thing_is_no_plain_number(counted):
    with pytest.raises(pint.DimensionalityError):
        Q_(1, counted).m_as("dimensionless")


@pytest.mark.parametrize(
    ("text", "of", "value"),
    [
        ("1 GB", "byte", 1e9),
        ("1 KiB", "byte", 1024),
        ("1 MiB", "byte", 1024**2),
        ("80 GiB", "byte", 80 * 1024**3),
        ("1 TiB", "byte", 1024**4),
        ("1 bit", "byte", 0.125),
        ("400 Gbps", "byte/s", 50e9),
        ("400 Gbit/s", "byte/s", 50e9),
        ("1 Tbps", "byte/s", 125e9),
        ("989.4 TFLOPs/s", "flop/s", 989.4e12),
        ("989.4 TFLOP/s", "flop/s", 989.4e12),
        ("1000 EFLOP", "flop", 1e21),
        ("70.6 Bparam", "param", 70.6e9),
        ("15 Btoken", "token", 15e9),
        ("1 kWh", "J", 3.6e6),
        ("1 W", "J/s", 1),
        ("1 kgCO2e", "gCO2e", 1000),
        ("1 tCO2e", "kgCO2e", 1000),
        ("0.12 USD/kWh", "dollar/kWh", 0.12),
        ("30 day", "hour", 720),
        ("1 year", "day", 365.25),
        ("1 us", "s", 1e-6),
        ("50 percent", "dimensionless", 0.5),
    ],
)
def test_conversions(text, of, value):
    assert Q_(text).m_as(of) == pytest.approx(value, rel=1e-12)


def test_units_that_analyses_build_with_the_registry():
    assert (0.000064 * ureg.TFLOPs / ureg.s).m_as("flop/s") == pytest.approx(64e6, rel=1e-12)
    assert (256 * ureg.KiB).m_as("byte") == 256 * 1024
    assert (700 * ureg.W * 720 * ureg.hour).m_as("kWh") == pytest.approx(504, rel=1e-12)


def test_flops_per_watt_in_the_unit_that_analyses_ask_for():
    assert (Q_("312 TFLOP/s") / Q_("400 W")).m_as("TFLOPs/s/kW") == pytest.approx(780, rel=1e-12)


@pytest.mark.parametrize(
    ("quantity", "spec", "text"),
    [
        (Q_(0.052931, "ms"), "~P.3f", "0.053 ms"),
        (Q_(4.876, "ms"), ">8.2f~", "4.88 ms"),
        (Q_(37.66, "ms"), "~.1f", "37.7 ms"),
        (Q_(0.2684, "GB"), "~.2f", "0.27 GB"),
        (Q_(70.55, "Bparam"), ".1f~", "70.5 Bparam"),
        (Q_(3.35, "TB/s"), "", "3.35 TB/s"),
        (Q_(3.35, "TB/s"), ".1f", "3.4 TB/s"),
        (Q_(400, "Gbps"), ".0f~", "400 Gbps"),
        (Q_(1.5, "kgCO2e"), "~P", "1.5 kgCO2e"),
        (Q_(2.4, "dollar"), ".2f", "2.40 USD"),
        (Q_(295.34, "flop/byte"), ".0f", "295 FLOP/B"),
        (Q_(128, "KiB"), "", "128 KiB"),
        (Q_(5, "us"), "", "5 µs"),
    ],
)
def test_formats(quantity, spec, text):
    assert f"{quantity:{spec}}".strip() == text


@pytest.mark.parametrize(
    ("value", "of", "text"),
    [
        (16060522496, "byte", "16.06 GB"),
        (3.35e12, "byte/s", "3.35 TB/s"),
        (0, "byte", "0 B"),
        (0.5, "byte", "0.5 B"),
        (1000, "byte", "1 kB"),
        (999, "byte", "999 B"),
        (1e30, "byte", "1e+06 YB"),
        (0.0048, "s", "4.8 ms"),
        (2.04e-5, "s", "20.4 µs"),
        (1.7e-9, "s", "1.7 ns"),
        (49.08, "s", "49.08 s"),
        (0.0002634, "J", "263.4 µJ"),
        (0.0099, "W", "9.9 mW"),
        (3.14e23, "flop", "314 ZFLOP"),
        (8030261248, "param", "8.03 Bparam"),
        (22604, "param", "22.6 kparam"),
        (0.796, "dimensionless", "0.796"),
        (4096, "dimensionless", "4,096"),
        (2049, "token", "2,049 token"),
    ],
)
def test_pretty(value, of, text):
    assert pretty(value, of) == text


def test_wrap_is_the_inverse_of_strip():
    assert strip("power", wrap(700.0, "W"), "W") == 700.0


def test_a_unit_is_parsed_once():
    assert unit("byte/s") is unit("byte/s")


def test_strip_converts_and_keeps_arrays():
    import numpy as np

    assert strip("bandwidth", Q_(3.35, "TB/s"), "byte/s") == 3.35e12
    assert strip("samples", 8, "dimensionless") == 8
    assert strip("samples", np.float64(8), "dimensionless") == 8
    assert strip("samples", Q_(50, "percent"), "dimensionless") == 0.5
    assert strip("sizes", Q_(np.array([1.0, 2.0]), "kB"), "byte").tolist() == [1000.0, 2000.0]


@pytest.mark.parametrize("wrong", ["GB", "flop/s", "GB/s/s", "dimensionless", "1/s"])
def test_strip_refuses_another_dimension(wrong):
    with pytest.raises(UnitError, match=r"^bandwidth must be a quantity in byte/s; got .*3350") as caught:
        strip("bandwidth", Q_(3350, wrong), "byte/s")
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, pint.DimensionalityError)
    assert caught.value.name == "bandwidth"


@pytest.mark.parametrize("given", [3350, 3.35, "3.35 TB/s", True, None, [1, 2], object])
def test_strip_refuses_what_is_no_quantity(given):
    with pytest.raises(
        InputTypeError, match=r"^bandwidth must be a quantity in byte/s, such as Q_\(1, 'byte/s'\); got "
    ):
        strip("bandwidth", given, "byte/s")


@pytest.mark.parametrize("given", ["8", True, None, [1, 2]])
def test_strip_refuses_what_is_no_number(given):
    with pytest.raises(InputTypeError, match=r"^samples must be a quantity in dimensionless"):
        strip("samples", given, "dimensionless")


@pytest.mark.parametrize("given", [math.nan, math.inf, -math.inf, -1.0])
def test_strip_refuses_impossible_values(given):
    with pytest.raises(InputError, match=r"^tdp must be finite and at least 0; got "):
        strip("tdp", Q_(given, "W"), "W")


@pytest.mark.parametrize("given", [math.nan, math.inf, -1.0])
def test_one_bad_element_spoils_an_array(given):
    import numpy as np

    with pytest.raises(InputError, match=r"^tdp must be finite and at least 0"):
        strip("tdp", Q_(np.array([1.0, given, 2.0]), "W"), "W")


def test_strip_can_exclude_the_least_value():
    assert strip("tdp", Q_(0, "W"), "W") == 0
    with pytest.raises(InputError, match=r"^tdp must be finite and above 0; got"):
        strip("tdp", Q_(0, "W"), "W", exclusive=True)
