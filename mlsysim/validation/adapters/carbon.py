"""Carbon, energy and water: what a record's devices, hours and power come to, in the building and on the grid it names.

A record that states no PUE counts the machines alone; where it names who ran them, or states no grid either, our
records of that operator and the average of the United States stand in, as the solvers have it. The level changes
nothing here: power and time are stated.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from mlsysim.infra.registry import Datacenters, Grids
from mlsysim.infra.types import Datacenter, GridProfile
from mlsysim.physics import carbon
from mlsysim.units import Q_
from mlsysim.validation.adapters.figures import given, number, quantity, whole
from mlsysim.validation.adapters.names import NotStated
from mlsysim.validation.records import Measurement

HEADLINE = (
    "emissions",
    "gross_emissions",
    "emissions_dynamic",
    "carbon_intensity",
    "pue",
    "total_water",
    "energy",
    "energy_with_pue",
)

COUNTRIES = {
    "USA": "US_Avg",
    "ARE": "UAE",
    "AUS": "Australia",
    "AUT": "Austria",
    "BEL": "Belgium",
    "BRA": "Brazil",
    "CAN": "Canada",
    "CHE": "Switzerland",
    "CHL": "Chile",
    "CHN": "China",
    "CZE": "Czechia",
    "DEU": "Germany",
    "DNK": "Denmark",
    "ESP": "Spain",
    "FIN": "Finland",
    "FRA": "France",
    "GBR": "UK",
    "GRC": "Greece",
    "IDN": "Indonesia",
    "IND": "India",
    "IRL": "Ireland",
    "ISL": "Iceland",
    "ISR": "Israel",
    "ITA": "Italy",
    "JPN": "Japan",
    "KOR": "South_Korea",
    "MEX": "Mexico",
    "MYS": "Malaysia",
    "NLD": "Netherlands",
    "NOR": "Norway",
    "NZL": "New_Zealand",
    "POL": "Poland",
    "PRT": "Portugal",
    "SAU": "Saudi_Arabia",
    "SGP": "Singapore",
    "SWE": "Sweden",
    "TWN": "Taiwan",
    "ZAF": "South_Africa",
}
"""Our grids by the code of the country, ISO 3166-1 alpha-3."""

INTENSITIES = {
    "carbon_intensity_kg_per_kwh": "kgCO2e/kWh",
    "carbon_intensity_g_per_kwh": "gCO2e/kWh",
    "carbon_intensity_lb_per_kwh": "lbCO2e/kWh",
    "carbon_intensity_gross_kg_per_kwh": "kgCO2e/kWh",
}
ALL_SITES = re.compile(r", all (large )?sites\b")
"""How our records call the average over an operator's buildings."""

_NO_WORK = "it states no devices with their hours and power, so there is no energy to predict"


def predict(record: Measurement, level: str) -> dict[str, Any]:
    """Return what we predict for each metric of a record, or why we do not."""
    return {metric: _answer(record, metric) for metric in record.measured}


def _answer(record: Measurement, metric: str) -> Any:
    if metric not in METRICS:
        return UNANSWERED.get(metric, f"{metric} is nothing that we predict of a site")
    try:
        return METRICS[metric](record)
    except NotStated as why:
        return str(why)


def _grid_intensity(record: Measurement) -> Any:
    grid, scope, year = _named_grid(record), str(record.inputs.get("scope", "")), record.inputs.get("year")
    field = "life_cycle" if "life" in scope else "direct" if "direct" in scope else None
    field = field or ("life_cycle" if grid.life_cycle is not None else "direct")
    found, figure = getattr(grid, field), grid.figures.get(field)
    if found is None:
        raise NotStated(f"no {field.replace('_', ' ')} emissions are recorded for {grid.name}")
    if year is not None and figure is not None and str(year) != str(figure.date):
        raise NotStated(
            f"our record of {grid.name} is of {figure.date}, the figure of {year}: a grid changes with the years"
        )
    return found


def _named_grid(record: Measurement) -> GridProfile:
    text = str(record.inputs.get("region") or record.inputs.get("grid") or "")
    if not text:
        raise NotStated("it names no grid")
    if text in COUNTRIES:
        return Grids[COUNTRIES[text]]
    for name in Grids.names:
        if re.search(rf"\b{re.escape(name.replace('_', ' '))}\b", text):
            return Grids[name]
    raise NotStated(f"no grid of the name {text!r} is recorded")


def _fleet_pue(record: Measurement) -> Any:
    operator, year = record.inputs.get("operator"), whole(record, "year") if given(record, "year") else None
    known = [site for site in Datacenters if site.operator == operator and ALL_SITES.search(site.name)]
    if not known:
        raise NotStated(f"no average over the sites of {operator} is recorded")
    nearest = min(known, key=lambda site: 0 if year is None else abs(int(site.figures["pue"].date[:4]) - year))
    return Q_(nearest.pue, "dimensionless")


def _operator(record: Measurement) -> Datacenter | None:
    """Our record of all sites of whoever ran the machines: the operator, named in words, or the author."""
    said = f"{record.inputs.get('operator', '')} {record.description} {record.source.reference.authors}"
    fleets = (site for site in Datacenters if ALL_SITES.search(site.name))
    return next((site for site in fleets if re.search(rf"\b{re.escape(site.operator or site.name)}\b", said)), None)


def _machines(record: Measurement) -> Any:
    """Energy of the machines: of one device for its hours, of many for days, or of a whole machine for hours."""
    if given(record, "gpu_hours", "power_per_gpu_w"):
        power, time = quantity(record, "power_per_gpu_w", "W"), quantity(record, "gpu_hours", "hour")
        return carbon.machine_energy(1, power, time)
    if given(record, "count", "training_days", "measured_avg_power_per_accelerator_w"):
        power = quantity(record, "measured_avg_power_per_accelerator_w", "W")
        return carbon.machine_energy(whole(record, "count"), power, quantity(record, "training_days", "day"))
    if given(record, "power_w", "hours"):
        return carbon.machine_energy(1, quantity(record, "power_w", "W"), quantity(record, "hours", "hour"))
    if given(record, "energy_mwh"):
        return quantity(record, "energy_mwh", "MWh")
    raise NotStated(_NO_WORK)


def _stated_intensity(record: Measurement) -> Any:
    return next((quantity(record, name, of) for name, of in INTENSITIES.items() if given(record, name)), None)


def _intensity(record: Measurement) -> Any:
    stated = _stated_intensity(record)
    if stated is not None:
        return stated
    named = record.inputs.get("region") or record.inputs.get("grid")
    return (_named_grid(record) if named else Grids.US_Avg).carbon_intensity


def _with_building(record: Measurement, pue: float | None) -> Any:
    return _machines(record) if pue is None else carbon.facility_energy(_machines(record), pue)


def _pue(record: Measurement) -> float | None:
    """The PUE that is stated; without it, and without an intensity, that of the operator; None: machines alone."""
    if given(record, "pue"):
        return number(record, "pue")
    if _stated_intensity(record) is not None:
        return None
    site = _operator(record)
    if site is None:
        raise NotStated(
            "it states neither a PUE nor the emissions of the grid, and no operator whose buildings we have"
        )
    return site.pue


def _energy(record: Measurement) -> Any:
    return _with_building(record, _pue(record))


def _emissions(record: Measurement) -> Any:
    return carbon.operational_carbon(_energy(record), _intensity(record))


def _net(record: Measurement) -> Any:
    if not given(record, "carbon_intensity_net_kg_per_kwh"):
        raise NotStated("it states no net emissions of the grid")
    net = quantity(record, "carbon_intensity_net_kg_per_kwh", "kgCO2e/kWh")
    return carbon.operational_carbon(_energy(record), net)


def _for_each_hour(record: Measurement) -> Any:
    if not given(record, "gpu_hours"):
        raise NotStated("it states no hours of devices")
    return _emissions(record) / quantity(record, "gpu_hours", "hour")


def _dynamic_emissions(record: Measurement) -> Any:
    return carbon.operational_carbon(_machines(record), _intensity(record))


def _achieved(record: Measurement) -> Any:
    if not given(record, "total_flops", "count", "training_days"):
        raise NotStated("it states no operations with devices and days")
    devices_time = whole(record, "count") * quantity(record, "training_days", "day")
    return (quantity(record, "total_flops", "FLOP") / devices_time).to("TFLOP/s")


def _water_on_site(record: Measurement) -> Any:
    if not given(record, "onsite_wue_l_per_kwh"):
        raise NotStated("it states no water for a unit of energy")
    return carbon.water_on_site(_machines(record), quantity(record, "onsite_wue_l_per_kwh", "liter/kWh"))


def _water(record: Measurement) -> Any:
    generation = (_named_grid(record) if given(record, "region") else Grids.US_Avg).water_intensity
    return _water_on_site(record) + carbon.water_of_generation(_energy(record), generation)


METRICS: dict[str, Callable[[Measurement], Any]] = {
    "carbon_intensity": _grid_intensity,
    "pue": _fleet_pue,
    "energy": _energy,
    "energy_with_pue": _energy,
    "energy_dynamic": _machines,
    "emissions": _emissions,
    "gross_emissions": _emissions,
    "net_emissions": _net,
    "emissions_dynamic": _dynamic_emissions,
    "emissions_dynamic_times_pue": _emissions,
    "emissions_with_pue": _emissions,
    "implied_kg_per_gpu_hour": _for_each_hour,
    "achieved_tflops_per_chip": _achieved,
    "onsite_water": _water_on_site,
    "total_water": _water,
}

UNANSWERED = {
    "idle_energy": "the power of the site at rest is not stated",
    "emissions_idle": "the power of the site at rest is not stated",
    "emissions_embodied": "it counts servers, of whose making we have no figure: ours is that of accelerators alone",
    "emissions_total": "it counts the site at rest and the making of servers",
}
"""Why the other metrics of the domain are not predicted."""
