"""Datacentres: overheads of power and water, each with its year."""

from __future__ import annotations

import pytest

from mlsysim import Infra
from mlsysim.errors import InputError
from mlsysim.infra.registry import Datacenters, Grids
from mlsysim.infra.types import Datacenter
from mlsysim.units import Q_


@pytest.mark.parametrize("name", Datacenters.names)
def test_overheads_have_a_year(name):
    site = Datacenters[name]
    assert 1 <= site.pue < 2
    assert isinstance(site.pue, float)
    assert site.figures["pue"].value == site.pue
    assert (site.wue is None) == ("wue" not in site.figures)
    assert all(2020 <= int(figure.date) <= 2026 and figure.condition for figure in site.figures.values())
    assert site.wue is None or 0 < site.wue.m_as("liter/kWh") < 3
    assert site.region is None or any(site.region is grid for grid in Grids)


def test_the_average_site_of_2023():
    """Release 0.1.1 has 1.40: the survey's average of 2023 is 1.58 [uptime2024pue], large operators are below 1.2."""
    assert Datacenters.Uptime_2023.pue == 1.58
    assert Infra.Uptime_2023 is Datacenters.Uptime_2023
    assert all(Datacenters[name].pue < 1.2 for name in ("Google_Fleet", "AWS_Fleet", "Microsoft_Fleet", "Meta_Fleet"))


def test_a_site_of_your_own():
    site = Datacenter(name="x", pue=1, wue="0.2 liter/kWh", region=Grids.Quebec)
    assert (site.pue, site.wue, site.region) == (1.0, Q_(0.2, "liter/kWh"), Grids.Quebec)
    assert Datacenter(name="x", pue=Q_(1.1, "dimensionless")).pue == 1.1


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("pue", 0.99, r"greater than or equal to 1; got 0.99"),
        ("pue", True, r"it must be a plain number; got True"),
        ("pue", "1.1", r"it must be a plain number; got '1.1'"),
        ("pue", float("nan"), r"got nan"),
        ("pue", float("inf"), r"finite number; got inf"),
        ("pue", Q_(1.1, "kW"), r"it must be a plain number"),
        ("wue", 0.2, r"it must be a quantity in liter/kWh"),
        ("wue", "0.2 liter", r"it must be a quantity in liter/kWh"),
        ("region", "Quebec", r"GridProfile; got 'Quebec'"),
    ],
)
def test_what_a_site_may_not_be(field, value, message):
    with pytest.raises(InputError, match=rf"^Datacenter.{field}: .*{message}"):
        Datacenter(**({"name": "x", "pue": 1.1} | {field: value}))


def test_a_figure_without_a_source_is_refused(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("Mine:\n  name: mine\n  pue: 1.2\n")
    with pytest.raises(InputError, match="pue of mine has no source"):
        Datacenters.load(path)
    path.write_text("Mine:\n  name: mine\n  region: Iowa\n  pue: {value: 1.2, unit: dimensionless, source: mine}\n")
    assert Datacenters.load(path).Mine.region is Grids.Iowa


def test_infra_has_two_kinds_of_records(tmp_path):
    with pytest.raises(InputError, match=r"several kinds: write one of Grids.load, Datacenters.load"):
        Infra.load(tmp_path / "mine.yaml")
