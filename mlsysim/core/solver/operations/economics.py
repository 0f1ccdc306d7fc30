"""What a fleet costs to own and to run, and whether renting would be cheaper."""

from __future__ import annotations

from typing import Any

from mlsysim.core.result import Field, Result
from mlsysim.core.solver.base import Solver
from mlsysim.core.solver.fleet.inputs import Span, check_fleet
from mlsysim.core.solver.operations.figures import COSTS, Named
from mlsysim.core.solver.operations.power import Power
from mlsysim.core.solver.operations.purchase import Purchase
from mlsysim.core.solver.operations.renting import Owned, Renting
from mlsysim.core.solver.operations.site import Site
from mlsysim.physics import carbon, cost, renting
from mlsysim.physics.equation import part
from mlsysim.systems.types import Fleet
from mlsysim.units import Q_, amount


class EconomicsResult(Result):
    """What a fleet costs over a time, by part."""

    tco_usd = Named("Cost of the time", "dollar")
    capex_amortized_usd = Named("  share of the purchase", "dollar")
    opex_energy_usd = Named("  electricity", "dollar")
    opex_maintenance_usd = Named("  maintenance", "dollar")
    opex_staff_usd = Named("  staff", "dollar")
    total_opex_usd = Named("  running cost together", "dollar")
    capex_usd = Named("Whole purchase", "dollar")
    capex_accelerators_usd = Named("  accelerators", "dollar")
    capex_servers_usd = Named("  rest of the servers", "dollar", optional=True)
    capex_network_usd = Named("  network", "dollar", optional=True)
    capex_storage_usd = Named("  storage", "dollar", optional=True)
    capex_facility_usd = Named("  building", "dollar", optional=True)
    accelerator_price_usd = Named("Price of an accelerator", "dollar")
    accelerators = Field("Accelerators", kind=int)
    amortization_years = Field("Years of writing off", kind=float)
    duration = Span("Time", "hour", "day")
    utilization = Field("Share of the time at work", kind=float)
    cost_per_hour_usd = Named("Cost of an accelerator for an hour of work", "dollar/hour")
    cost_per_million_tokens_usd = Named("Cost of a million tokens", "dollar/Mtoken", optional=True)
    cloud_price_usd = Named("Price of renting one for an hour", "dollar/hour", optional=True)
    cloud_source = Field("  from", optional=True, kind=str)
    cloud_usd = Named("Price of renting for the same work", "dollar", optional=True)
    break_even_utilization = Field("Owning is cheaper above a share at work of", optional=True, kind=float)
    cheaper = Field("Cheaper", optional=True, kind=str)
    it_energy_kwh = Field("Energy of the machines", "kWh")
    total_energy_kwh = Field("Energy with the building", "kWh")
    kwh_price = Named("Price of electricity", "dollar/kWh")
    carbon_footprint_kg = Named("Emissions of that energy", "kgCO2e")
    region_name = Field("Grid", kind=str)
    pue = Field("PUE", kind=float)
    pue_source = Field("  by", kind=str)
    node_power = Field("Power of a node", "kW")
    power_source = Field("  by", kind=str)
    notes = Field("Notes", kind=tuple[str, ...])


class EconomicsModel(Solver):
    """Wall 17: TCO = N·(price·t/life + m·t) + E_IT·PUE·p, part by part [barroso2018datacenter].

    The purchase is that of the accelerators, the rest of the servers, the network, the storage and the building. Of it
    the cost of a time has the share t/life. Electricity, maintenance and staff come on top, each counted once.

    Examples
    --------
    >>> from mlsysim import EconomicsModel, Infra, Systems
    >>> result = EconomicsModel().solve(Systems.Clusters.Research_256, duration_days=30, grid=Infra.Quebec, mfu=0.4)
    >>> parts = result.capex_amortized_usd + result.total_opex_usd
    >>> result.tco_usd == parts, result.cheaper
    (True, 'owning')
    """

    arrays = ("duration_days", "kwh_price", "throughput")
    varying = (
        "tco_usd",
        "capex_amortized_usd",
        "opex_energy_usd",
        "opex_maintenance_usd",
        "opex_staff_usd",
        "total_opex_usd",
        "capex_usd",
        "cost_per_hour_usd",
        "cost_per_million_tokens_usd",
        "cloud_usd",
        "break_even_utilization",
        "cheaper",
        "it_energy_kwh",
        "total_energy_kwh",
        "carbon_footprint_kg",
    )

    def solve(
        self,
        fleet: Fleet,
        duration_days: Any,
        grid: Any = None,
        datacenter: Any = None,
        kwh_price: Any = None,
        mfu: float | None = None,
        infrastructure_multiplier: float | None = None,
        amortization_years: Any = None,
        *,
        pue: float | None = None,
        accelerator_price: Any = None,
        utilization: float = 1.0,
        cloud_price: Any = None,
        throughput: Any = None,
    ) -> EconomicsResult:
        """Return what a fleet costs over a time.

        Parameters
        ----------
        fleet
            An entry of `Systems.Clusters`, or one of your own.
        duration_days
            Time for which the cost is asked, such as a training run, in days; a number or a quantity.
        grid, datacenter
            The grid and the building, as in `SustainabilityModel.solve`.
        kwh_price
            Price of electricity in dollars for a kWh, a number or a quantity; by default that of the grid's record.
        mfu
            Model FLOPs over what the peak could do in the same time, in (0, 1]: it sets the power. Left out, nodes draw
            the most that they may.
        infrastructure_multiplier
            Price of everything that is bought, over that of the accelerators, at least 1: servers, network, storage and
            building in one figure, in place of the prices of the parts. Electricity, maintenance and staff are running
            costs and are not in it.
        amortization_years
            Years over which the purchase is written off, a number or a quantity; by default 5. The building has a life
            of its own, of 14 years, except within `infrastructure_multiplier`.
        pue
            Energy of the building over that of its machines; by default that of `datacenter`, or a survey's average.
        accelerator_price
            Price of one accelerator in dollars, a number or a quantity; by default that of the device's record.
        utilization
            Share of the time in which the fleet works; the rest of it, it is at rest but switched on.
        cloud_price
            Price of renting one accelerator, in dollars for an hour, a number or a quantity; by default that of a
            recorded offer, where there is one.
        throughput
            Tokens in a second of work, of the whole fleet, a number or a quantity: then a million tokens have a cost.

        Returns
        -------
        EconomicsResult
            `capex_usd` is the whole purchase; `tco_usd` has only the share of it that falls on the time,
            `capex_amortized_usd`, and the running costs of the time.

        Raises
        ------
        InputError, InputTypeError, UnitError, UnknownName
            For an argument of the wrong kind or an impossible value, and for a price neither recorded nor given.
        """
        check_fleet(fleet)
        hours = amount("duration_days", duration_days, "hour", named="day")
        years = Q_(hours, "hour").m_as("year")
        site, power = Site.of(fleet, grid, datacenter), Power.of(fleet, mfu, utilization)
        tariff, effectiveness, costs = site.electricity_price(kwh_price), site.pue(pue), COSTS["datacentre"]
        purchase = Purchase.of(fleet, power.greatest, accelerator_price, infrastructure_multiplier, amortization_years)
        drawn = carbon.machine_energy.plain(fleet.count, power.mean, hours)
        energy = carbon.facility_energy.plain(drawn, effectiveness.value)
        emitted = carbon.operational_carbon.plain(energy, site.intensity(None).intensity)
        written_off = purchase.written_off(years)
        electricity = cost.energy_cost.plain(energy, tariff)
        upkeep = [
            _upkeep(fleet, power, title, rate.m_as("dollar/kW/year"), years)
            for title, rate in (("Maintenance", costs.maintenance), ("Staff", costs.staff))
        ]
        running = cost.operating_cost.plain(electricity, *upkeep)
        total = cost.total_cost.plain(written_off, running)
        with part("Without electricity"):
            fixed = cost.total_cost.plain(written_off, sum(upkeep))
        owned = Owned(total, fixed, effectiveness.value, tariff)
        rented, devices = Renting.of(fleet, hours, power, utilization, owned, cloud_price), fleet.total_accelerators
        return EconomicsResult(
            tco_usd=total,
            capex_amortized_usd=written_off,
            opex_energy_usd=electricity,
            opex_maintenance_usd=upkeep[0],
            opex_staff_usd=upkeep[1],
            total_opex_usd=running,
            **purchase.fields(),
            accelerators=devices,
            duration=hours,
            utilization=float(utilization),
            cost_per_hour_usd=renting.hourly_cost.plain(total, devices, hours, utilization),
            cost_per_million_tokens_usd=_tokens(total, throughput, hours, utilization),
            **rented.fields(),
            it_energy_kwh=drawn,
            total_energy_kwh=energy,
            kwh_price=tariff,
            carbon_footprint_kg=emitted,
            region_name=site.grid.name,
            pue=effectiveness.value,
            pue_source=effectiveness.source,
            node_power=power.mean,
            power_source=power.source,
            notes=site.notes + power.notes + purchase.notes + rented.notes,
        )


def _upkeep(fleet: Fleet, power: Power, title: str, rate: float, years: float) -> float:
    with part(title):
        return cost.upkeep.plain(fleet.count, power.greatest, rate, years)


def _tokens(total: float, throughput: Any, hours: float, utilization: float) -> float | None:
    if throughput is None:
        return None
    rate = amount("throughput", throughput, "token/s", named="token/s")
    return renting.token_cost.plain(total, rate, 3600.0 * hours, utilization)
