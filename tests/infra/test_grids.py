"""Grids: each says which emissions it counts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mlsysim import Infra
from mlsysim.errors import InputError
from mlsysim.infra.registry import Grids
from mlsysim.infra.types import GridProfile

BIBLIOGRAPHY = (Path(__file__).parents[2] / "references.bib").read_text("utf-8")


@pytest.mark.parametrize("name", Infra.names)
def test_every_figure_has_a_source_with_an_address(name):
    for figure in Infra[name].figures.values():
        entry = re.search(rf"^@\w+\{{{re.escape(figure.source)},.*?^\}}", BIBLIOGRAPHY, re.MULTILINE | re.DOTALL)
        assert entry, figure.source
        assert re.search(r"^\s*(url|doi)\s*=", entry[0], re.MULTILINE), figure.source


def test_there_are_many_and_none_is_named_twice():
    assert len(Grids) >= 30
    assert len(set(Infra.names)) == len(Infra.names)
    assert len({record.name for record in Infra}) == len(Infra)
    assert all(name.isidentifier() for name in Infra.names)


@pytest.mark.parametrize("name", Grids.names)
def test_scope_and_year_stand_beside_every_intensity(name):
    grid = Grids[name]
    chosen = grid.figures["carbon_intensity"]
    assert chosen.condition.startswith(grid.scope)
    for scope in ("direct", "life_cycle"):
        if getattr(grid, scope) is not None:
            figure = grid.figures[scope]
            assert figure.condition.startswith(scope.replace("_", " "))
            assert 2020 <= int(figure.date) <= 2026
            assert 0 < getattr(grid, scope).m_as("gCO2e/kWh") < 1500


@pytest.mark.parametrize("name", [name for name in Grids.names if Grids[name].direct and Grids[name].life_cycle])
def test_a_life_cycle_emits_no_less_than_the_stacks(name):
    assert Grids[name].life_cycle > Grids[name].direct
    assert Grids[name].carbon_intensity == Grids[name].life_cycle


@pytest.mark.parametrize("name", [name for name in Grids.names if Grids[name].electricity_price])
def test_prices_are_those_of_industry_at_a_date(name):
    assert 0.01 < Grids[name].electricity_price.m_as("dollar/kWh") < 0.6
    assert Grids[name].figures["electricity_price"].date[:2] == "20"


def test_a_converted_price_says_from_what():
    for grid in Grids:
        figure = grid.figures.get("electricity_price")
        if figure is None:
            continue
        rate = re.search(r"1 [A-Z]{3} = ([\d.]+) USD.*\[ecb2026rates\]", figure.condition)
        assert (rate is None) == bool(re.fullmatch(r"[\d.]+ cents/kWh", figure.quoted))
        expected = float(figure.quoted.split()[0]) / 100 * (float(rate[1]) if rate else 1)
        assert figure.value == pytest.approx(expected, rel=1e-3)
    assert "{ecb2026rates," in BIBLIOGRAPHY


@pytest.mark.parametrize("name", [name for name in Grids.names if Grids[name].water_intensity])
def test_water_of_generation(name):
    assert 0.1 < Grids[name].water_intensity.m_as("liter/kWh") < 20


def test_hydropower_is_cleaner_than_coal():
    order = sorted((grid for grid in Grids if grid.life_cycle is not None), key=lambda grid: grid.life_cycle)
    assert {"Iceland", "Norway", "Quebec"} <= {grid.name for grid in order[:4]}
    assert {"India", "South Africa", "Saudi Arabia"} == {grid.name for grid in order[-3:]}


def test_poland_is_not_a_coal_plant():
    """Release 0.1.1 has 820, the life cycle of coal alone; Poland's mix of 2023 is at 662 [owid2024carbon]."""
    assert Grids.Poland.carbon_intensity.m_as("gCO2e/kWh") == 661.926


def test_the_united_states_have_one_figure_and_one_year():
    """Older material has 390 and 429, of two years; here each scope is of 2023 [owid2024carbon, epa2025egrid]."""
    average = Grids.US_Avg
    assert {average.figures[scope].date for scope in ("direct", "life_cycle")} == {"2023"}
    assert average.life_cycle.m_as("gCO2e/kWh") == 369.473
    assert average.direct.m_as("gCO2e/kWh") == pytest.approx(770.884 * 0.45359237, rel=1e-5)
    states = [grid for grid in Grids if grid.direct is not None and grid.figures["direct"].source == "epa2025egrid"]
    assert len(states) > 20
    for state in states:
        quoted = float(state.figures["direct"].quoted.split()[0])
        assert state.direct.m_as("gCO2e/kWh") == pytest.approx(quoted * 0.45359237, rel=1e-5)


def test_quebec_keeps_its_scopes_apart():
    """Older material has 20 and 1.2, one per scope: 34.5 [levasseur2021hydro] and 2 [google2024regioncarbon]."""
    quebec = Grids.Quebec
    assert quebec.direct.m_as("gCO2e/kWh") == 2
    assert quebec.life_cycle.m_as("gCO2e/kWh") == 34.5
    assert quebec.scope == "life cycle"
    assert "reservoir" in quebec.figures["carbon_intensity"].condition
    assert Infra.Quebec is quebec


@pytest.mark.parametrize("intensity", [820, "820 g/kWh", "820 gCO2e", "-1 gCO2e/kWh"])
def test_an_intensity_is_emissions_for_energy(intensity):
    for field in ("carbon_intensity", "direct", "life_cycle"):
        fields = {"carbon_intensity": "1 gCO2e/kWh", field: intensity}
        with pytest.raises(InputError, match=rf"^GridProfile.{field}: it must be "):
            GridProfile(name="x", **fields)


def test_a_grid_needs_some_intensity():
    with pytest.raises(InputError, match=r"^GridProfile.carbon_intensity is missing"):
        GridProfile(name="x", electricity_price="0.1 dollar/kWh")


def test_a_default_of_your_own_wins_over_both_scopes():
    grid = GridProfile(name="x", carbon_intensity="3 gCO2e/kWh", direct="1 gCO2e/kWh", life_cycle="2 gCO2e/kWh")
    assert grid.carbon_intensity.m_as("gCO2e/kWh") == 3
    assert grid.scope is None
    assert GridProfile(name="x", direct="1 gCO2e/kWh").scope == "direct"


@pytest.mark.parametrize(
    ("field", "value"), [("electricity_price", "0.1 dollar"), ("water_intensity", "2 liter"), ("water_intensity", 2)]
)
def test_prices_and_water_are_for_energy(field, value):
    with pytest.raises(InputError, match=rf"^GridProfile.{field}: it must be a quantity in "):
        GridProfile(name="x", carbon_intensity="1 gCO2e/kWh", **{field: value})
