"""What a fleet takes from the grid, and what that emits and evaporates."""

from __future__ import annotations

from typing import Any

from mlsysim.core.result import Field, Result
from mlsysim.core.solver.base import Solver
from mlsysim.core.solver.fleet.inputs import Span, check_fleet
from mlsysim.core.solver.operations.figures import COSTS, Named
from mlsysim.core.solver.operations.power import Power
from mlsysim.core.solver.operations.site import Site
from mlsysim.physics import carbon
from mlsysim.systems.types import Fleet
from mlsysim.units import Q_, amount


class SustainabilityResult(Result):
    """Energy, emissions and water of a fleet over a time."""

    it_energy_kwh = Field("Energy of the machines", "kWh")
    total_energy_kwh = Field("Energy with the building", "kWh")
    carbon_footprint_kg = Named("Emissions of that energy", "kgCO2e")
    embodied_carbon_kg = Named("Emissions of making the accelerators, for the time", "kgCO2e", kind=float | None)
    total_carbon_kg = Named("Both", "kgCO2e", optional=True)
    water_usage_liters = Named("Water used on site", "liter")
    water_generation_liters = Named("Water consumed in generating the electricity", "liter", kind=float | None)
    region_name = Field("Grid", kind=str)
    carbon_intensity = Field("  emissions", "kgCO2e/kWh", "gCO2e/kWh")
    scope = Field("  counted", kind=str)
    pue = Field("PUE", kind=float)
    pue_source = Field("  by", kind=str)
    wue = Field("WUE", "liter/kWh")
    wue_source = Field("  by", kind=str)
    node_power = Field("Power of a node", "kW")
    power_source = Field("  by", kind=str)
    utilization = Field("Share of the time at work", kind=float)
    nodes = Field("Nodes", kind=int)
    duration = Span("Time", "hour", "day")
    notes = Field("Notes", kind=tuple[str, ...])


class SustainabilityModel(Solver):
    """Wall 18: E = E_IT·PUE, C = E·CI, H = E_IT·WUE; power is that of whole nodes [patterson2021carbon].

    The grid and the building are given apart: the same fleet takes the same energy on any grid. Emissions of making the
    accelerators stand apart from those of the electricity, for they do not depend on it [gupta2022act].

    Examples
    --------
    >>> from mlsysim import Infra, SustainabilityModel, Systems
    >>> solve = SustainabilityModel().solve
    >>> for grid in (Infra.Poland, Infra.Quebec):
    ...     result = solve(Systems.Clusters.Research_256, duration_days=30, datacenter=grid, mfu=0.45)
    ...     energy = result.total_energy_kwh.to("MWh")
    ...     print(f"{result.region_name}: {energy:.0f}, {result.carbon_footprint_kg / 1000:.0f} t ({result.scope})")
    Poland: ... MWh, ... t (life cycle)
    Quebec: ... MWh, ... t (life cycle)
    """

    arrays = ("duration_days", "wue")
    varying = (
        "it_energy_kwh",
        "total_energy_kwh",
        "carbon_footprint_kg",
        "embodied_carbon_kg",
        "total_carbon_kg",
        "water_usage_liters",
        "water_generation_liters",
        "carbon_intensity",
    )

    def solve(
        self,
        fleet: Fleet,
        duration_days: Any,
        datacenter: Any = None,
        mfu: float | None = None,
        *,
        grid: Any = None,
        pue: float | None = None,
        wue: Any = None,
        utilization: float = 1.0,
        scope: str | None = None,
        amortization_years: Any = None,
    ) -> SustainabilityResult:
        """Return the energy, the emissions and the water of a fleet over a time.

        Parameters
        ----------
        fleet
            An entry of `Systems.Clusters`, or one of your own.
        duration_days
            Time for which it is switched on, in days; a number or a quantity.
        datacenter
            The building, an entry of `Infra.Datacenters`, or only the grid that feeds it, an entry of `Infra.Grids`.
        mfu
            Model FLOPs over what the peak could do in the same time, in (0, 1]: it sets the power of the accelerators.
            Left out, nodes draw the most that they may.
        grid
            The grid; by default that of `datacenter`, of the fleet, or the average of the United States.
        pue
            Energy of the building over that of its machines; by default that of `datacenter`, or a survey's average.
        wue
            Water used on site in liter/kWh of the machines' energy; by default that of `datacenter`, or an average.
        utilization
            Share of the time in which the fleet works; the rest of it, it is at rest but switched on.
        scope
            ``"direct"`` or ``"life cycle"`` emissions of the grid; by default the life cycle where it is recorded.
        amortization_years
            Service life over which the emissions of making the accelerators are spread; a number or a quantity.

        Returns
        -------
        SustainabilityResult
            `carbon_footprint_kg` counts the electricity alone; `total_carbon_kg` also the making.

        Raises
        ------
        InputError, InputTypeError, UnitError, UnknownName
            For an argument of the wrong kind or an impossible value; the message names it and what is allowed.
        """
        check_fleet(fleet)
        hours = amount("duration_days", duration_days, "hour", named="day")
        site, power = Site.of(fleet, grid, datacenter), Power.of(fleet, mfu, utilization)
        effectiveness, water, emissions = site.pue(pue), site.wue(wue), site.intensity(scope)
        life = COSTS["datacentre"].hardware_years if amortization_years is None else amortization_years
        years = amount("amortization_years", life, "year", named="year")
        drawn = carbon.machine_energy.plain(fleet.count, power.mean, hours)
        energy = carbon.facility_energy.plain(drawn, effectiveness.value)
        emitted = carbon.operational_carbon.plain(energy, emissions.intensity)
        made = _embodied(fleet, Q_(hours, "hour").m_as("year"), years)
        generation = site.grid.water_intensity
        return SustainabilityResult(
            it_energy_kwh=drawn,
            total_energy_kwh=energy,
            carbon_footprint_kg=emitted,
            embodied_carbon_kg=made,
            total_carbon_kg=None if made is None else carbon.total_carbon.plain(emitted, made),
            water_usage_liters=carbon.water_on_site.plain(drawn, water.value),
            water_generation_liters=None
            if generation is None
            else carbon.water_of_generation.plain(energy, generation.m_as("liter/kWh")),
            region_name=site.grid.name,
            carbon_intensity=emissions.intensity,
            scope=emissions.scope,
            pue=effectiveness.value,
            pue_source=effectiveness.source,
            wue=water.value,
            wue_source=water.source,
            node_power=power.mean,
            power_source=power.source,
            utilization=float(utilization),
            nodes=fleet.count,
            duration=hours,
            notes=site.notes + power.notes + _notes(fleet, made),
        )


def _embodied(fleet: Fleet, time: float, life: float) -> float | None:
    made = fleet.node.accelerator.embodied_carbon
    if made is None:
        return None
    return carbon.embodied_carbon.plain(fleet.total_accelerators, made.m_as("kgCO2e"), time, life)


def _notes(fleet: Fleet, made: float | None) -> tuple[str, ...]:
    if made is None:
        return (f"emissions of making {fleet.node.accelerator.name} are not recorded",)
    return ("emissions of making count the accelerators alone: not servers, network and building",)
