"""Where a fleet stands: the grid that feeds it and the building around it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pint
from pydantic import BeforeValidator, ConfigDict, Field, InstanceOf, WithJsonSchema, model_validator

from mlsysim.records import ByName, CarbonIntensity, EnergyPrice, Sourced, WaterIntensity, _figure_schema


def _any_intensity(schema: dict[str, Any]) -> None:
    """In a file one intensity is enough: `carbon_intensity` is filled from the others."""
    schema["required"].remove("carbon_intensity")
    schema["anyOf"] = [{"required": [field]} for field in ("carbon_intensity", "direct", "life_cycle")]


class GridProfile(Sourced):
    """An electricity grid.

    Two scopes of emissions are kept apart: `direct` counts what leaves the stacks of the power plants, `life_cycle`
    also the building of the plants, their fuel and the methane of reservoirs. They differ by a factor of ten on
    hydropower, so never compare one scope here with the other there.

    Parameters
    ----------
    name
        The country, state or grid region.
    carbon_intensity
        The one that the package uses unless told otherwise: `life_cycle` where it is known, else `direct`; `scope` says
        which [gCO2e/kWh].
    direct, life_cycle
        Emissions for a unit of electricity in each scope; the figure has its year [gCO2e/kWh].
    electricity_price
        Average price for industry; the figure has its date and how it was converted [USD/kWh].
    water_intensity
        Water consumed in generation, for a unit of electricity [liter/kWh].
    note
        What a reader should know of the record.

    Raises
    ------
    UnknownName, InputError
        For a misspelt field, a missing one, a wrong unit, or a value that is not positive.

    Examples
    --------
    >>> print(GridProfile(name="Coal only", carbon_intensity="820 gCO2e/kWh").carbon_intensity)
    820.0 gCO2e/kWh
    >>> hydro = GridProfile(name="Hydro only", direct="1 gCO2e/kWh", life_cycle="24 gCO2e/kWh")
    >>> print(hydro.carbon_intensity, hydro.scope, sep=", ")
    24.0 gCO2e/kWh, life cycle
    """

    model_config = ConfigDict(json_schema_extra=_any_intensity)

    name: str
    carbon_intensity: CarbonIntensity
    direct: CarbonIntensity | None = None
    life_cycle: CarbonIntensity | None = None
    electricity_price: EnergyPrice | None = None
    water_intensity: WaterIntensity | None = None
    note: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _chosen(cls, fields: Any) -> Any:
        if not isinstance(fields, dict) or fields.get("carbon_intensity") is not None:
            return fields
        scope = next((scope for scope in ("life_cycle", "direct") if fields.get(scope) is not None), None)
        if scope is None:
            return fields
        figures = fields.get("figures", {})
        same = {"carbon_intensity": figures[scope]} if scope in figures else {}
        return fields | {"carbon_intensity": fields[scope], "figures": same | dict(figures)}

    @property
    def scope(self) -> Literal["life cycle", "direct"] | None:
        """The emissions that `carbon_intensity` counts; None where the record does not say."""
        if self.life_cycle is not None and self.carbon_intensity == self.life_cycle:
            return "life cycle"
        return "direct" if self.direct is not None and self.carbon_intensity == self.direct else None


def _plain(value: Any) -> Any:
    if isinstance(value, pint.Quantity) and value.dimensionless:
        value = float(value.m_as("dimensionless"))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("it must be a plain number")
    return value


Effectiveness = Annotated[
    float,
    BeforeValidator(_plain),
    Field(ge=1, allow_inf_nan=False),
    WithJsonSchema(_figure_schema("dimensionless")),
]


class Datacenter(Sourced):
    """The building around a fleet, or an operator's average over its buildings.

    Parameters
    ----------
    name
        The site or the fleet of sites.
    operator
        Who runs it.
    pue
        Power usage effectiveness [greengrid2012pue]: energy of the building over that of its machines, at least 1.
    wue
        Water usage effectiveness [greengrid2011wue]: water used on site for a unit of the machines' energy, not of the
        building's [liter/kWh].
    region
        The grid that feeds it.
    note
        What a reader should know of the record.

    Raises
    ------
    UnknownName, InputError
        For a misspelt field, a missing one, a wrong unit, a PUE below 1, or a WUE that is not positive.

    Examples
    --------
    >>> Datacenter(name="Mine", pue=1.2).pue
    1.2
    >>> Datacenter(name="Mine", pue=0.9)
    Traceback (most recent call last):
    mlsysim.records.RecordError: Datacenter.pue: Input should be greater than or equal to 1; got 0.9
    """

    name: str
    operator: str | None = None
    pue: Effectiveness
    wue: WaterIntensity | None = None
    region: Annotated[InstanceOf[GridProfile], ByName] | None = None
    note: str | None = None
