"""Grids: each says which emissions it counts."""

from __future__ import annotations

import pytest

from mlsysim import Infra
from mlsysim.errors import InputError
from mlsysim.infra.types import GridProfile


@pytest.mark.parametrize("grid", list(Infra), ids=Infra.names)
def test_scope_and_year_stand_beside_every_intensity(grid):
    condition = grid.figures["carbon_intensity"].condition
    assert "life cycle" in condition
    assert "20" in condition


def test_hydropower_is_cleaner_than_coal():
    order = sorted(Infra, key=lambda grid: grid.carbon_intensity)
    assert {grid.name for grid in order[:2]} == {"Quebec", "Norway"}
    assert order[-1] is Infra.Poland


@pytest.mark.parametrize("intensity", [820, "820 g/kWh", "820 gCO2e", "-1 gCO2e/kWh"])
def test_an_intensity_is_emissions_for_energy(intensity):
    with pytest.raises(InputError, match=r"^GridProfile.carbon_intensity: it must be "):
        GridProfile(name="x", carbon_intensity=intensity)
