"""Where a fleet stands."""

from __future__ import annotations

from mlsysim.records import CarbonIntensity, Sourced


class GridProfile(Sourced):
    """An electricity grid; the scope and the year of its carbon intensity stand in `figures`.

    Examples
    --------
    >>> print(GridProfile(name="Coal only", carbon_intensity="820 gCO2e/kWh").carbon_intensity)
    820.0 gCO2e/kWh
    """

    name: str
    carbon_intensity: CarbonIntensity
