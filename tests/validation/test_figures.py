"""Inputs of records as numbers: what is none is not stated, whatever stands there, and never an error of Python's."""

from __future__ import annotations

import pytest

from mlsysim.units import Q_
from mlsysim.validation.adapters.figures import given, number, quantity, whole
from mlsysim.validation.adapters.machines import machines
from mlsysim.validation.adapters.names import NotStated
from mlsysim.validation.records import Measurement, published
from mlsysim.validation.runner import compare

DOMAINS = ("collective", "reliability", "carbon", "cost", "memory", "scaling-law")


def record(domain="cost", **inputs):
    measured = {"cost": {"value": 1, "unit": "USD"}}
    return Measurement(id="mine", domain=domain, inputs=inputs, measured=measured, source={"title": "mine"})


def test_numbers():
    one = record(hours=2.5, count=8, nothing=None, free=0)
    assert (number(one, "hours"), whole(one, "count"), quantity(one, "hours", "hour")) == (2.5, 8, Q_(2.5, "hour"))
    assert (number(one, "nothing", default=3.0), whole(one, "absent", default=4)) == (3.0, 4)
    assert number(one, "free", zero=True) == 0
    assert given(one, "hours", "count")
    assert not given(one, "hours", "nothing")


@pytest.mark.parametrize("value", ["many", True, [1, 2], -1, 0, float("nan"), float("inf"), None])
def test_what_is_no_number(value):
    with pytest.raises(NotStated, match="hours"):
        number(record(hours=value), "hours")


def test_what_is_no_whole_number():
    with pytest.raises(NotStated, match=r"nodes of the record is no whole number: 1\.5"):
        whole(record(nodes=1.5), "nodes")


def test_devices_by_their_number():
    assert machines(record(hardware="64x V100")).count == 64
    assert machines(record(hardware="V100", count=8)).count == 8
    assert machines(record(hardware="V100")).count == 1
    with pytest.raises(NotStated, match="the record names no device"):
        machines(record())


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("value", [None, "text", -1, 0, 1.5, [1, 2], True], ids=str)
def test_no_input_is_an_error(domain, value):
    """Whatever stands in one of its inputs, a record is answered or says why."""
    for one in {frozenset(each.inputs): each for each in published(domain)}.values():
        for name in one.inputs:
            other = one.model_copy(update={"inputs": {**one.inputs, name: value}})
            rows = compare(other, "fitted")
            assert all(row.answered or row.skipped_because for row in rows), name


@pytest.mark.parametrize("domain", DOMAINS)
def test_no_missing_input_is_an_error(domain):
    for one in {frozenset(each.inputs): each for each in published(domain)}.values():
        for missing in one.inputs:
            inputs = {name: value for name, value in one.inputs.items() if name != missing}
            rows = compare(one.model_copy(update={"inputs": inputs}), "fitted")
            assert all(row.answered or row.skipped_because for row in rows), missing
