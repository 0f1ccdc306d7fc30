"""Messages name the argument, what was given, what is allowed and the nearest name."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mlsysim.errors import InputError, InputTypeError, UnknownName, fraction, positive_integer, shown, unknown
from mlsysim.units import Q_


@pytest.mark.parametrize("value", [1, 8, 2**53, np.int64(8)])
def test_positive_integer_accepts(value):
    assert positive_integer("batch_size", value) == value
    assert type(positive_integer("batch_size", value)) is int


@pytest.mark.parametrize("value", [0, -1, 1.5, 8.0, math.nan, math.inf, 1e30, np.float64(8)])
def test_positive_integer_refuses_numbers(value):
    with pytest.raises(InputError, match=r"^batch_size must be a whole number of at least 1; got "):
        positive_integer("batch_size", value)


@pytest.mark.parametrize(
    "value", ["8", True, False, None, [8], Q_(8, "byte"), Q_(8, "dimensionless"), np.array([8, 9])]
)
def test_positive_integer_refuses_other_kinds(value):
    with pytest.raises(InputTypeError, match=r"^batch_size must be a whole number of at least 1; got "):
        positive_integer("batch_size", value)


@pytest.mark.parametrize("value", [1, 1.0, 0.5, 1e-9, np.float64(0.5), np.float32(0.5)])
def test_fraction_accepts(value):
    assert fraction("efficiency", value) == value
    assert type(fraction("efficiency", value)) is float


@pytest.mark.parametrize("value", [0, 0.0, -0.1, 1.0000001, 5, math.nan, math.inf, -math.inf])
def test_fraction_refuses_numbers(value):
    with pytest.raises(InputError, match=r"^efficiency must lie in \(0, 1\]; got "):
        fraction("efficiency", value)


@pytest.mark.parametrize("value", ["0.5", True, None, [0.5], Q_(0.5, "dimensionless")])
def test_fraction_refuses_other_kinds(value):
    with pytest.raises(InputTypeError, match=r"^efficiency must be a number in \(0, 1\]; got "):
        fraction("efficiency", value)


def test_an_unknown_name_is_every_error_that_a_caller_may_expect():
    error = unknown("hardware", "H10", ["A100", "H100"])
    assert isinstance(error, ValueError)
    assert isinstance(error, AttributeError)
    assert isinstance(error, KeyError)
    assert str(error) == "unknown hardware 'H10'; did you mean 'H100'? Allowed: A100, H100"


def test_case_does_not_hide_the_nearest_name():
    assert "did you mean 'Llama3_8B'?" in str(unknown("model", "llama3_8b", ["GPT2", "Llama3_8B"]))


def test_a_name_like_no_other_gets_no_suggestion():
    assert str(unknown("model", "xyzzy", ["GPT2"])) == "unknown model 'xyzzy'; Allowed: GPT2"


def test_long_values_are_cut():
    assert len(shown("x" * 1000)) == 60
    assert shown("x" * 1000).endswith("...")
    assert shown(8) == "8"


def test_types():
    assert issubclass(InputError, ValueError)
    assert issubclass(InputTypeError, TypeError)
    assert issubclass(UnknownName, InputError)


@pytest.mark.parametrize("value", [2**53 + 1, 10**400])
def test_positive_integer_refuses_what_a_double_cannot_count(value):
    with pytest.raises(InputError, match=r"^batch must be at most 2\*\*53"):
        positive_integer("batch", value)
