"""Where to put a fleet: the region in which it costs least, its emissions paid for, near enough to its users."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mlsysim.core.result import Field, Result, Rows
from mlsysim.core.solver.base import Solver
from mlsysim.core.solver.fleet.inputs import Span, check_fleet
from mlsysim.core.solver.operations.economics import EconomicsModel
from mlsysim.core.solver.operations.figures import Named
from mlsysim.core.solver.operations.sustainability import SustainabilityModel
from mlsysim.core.walls import Wall, walls_for_solver
from mlsysim.errors import InputError, InputTypeError, shown, unknown
from mlsysim.infra.registry import Infra
from mlsysim.infra.types import Datacenter, GridProfile
from mlsysim.physics import placement as physics
from mlsysim.physics.equation import part
from mlsysim.systems.types import Fleet
from mlsysim.tables import html_table, text_table
from mlsysim.units import amount, pretty

Place = GridProfile | Datacenter


PLACES = Rows(
    region=str,
    total_usd=float,
    tco_usd=float,
    energy_cost_usd=float,
    carbon_cost_usd=float,
    carbon_footprint_kg=float,
    total_energy_kwh=float,
    pue=float,
    latency_s=float | None,
    lacks=str | None,
)


class PlacementResult(Result):
    """The region that costs least, and what each of the others would cost."""

    best_region = Field("Best region", kind=str | None)
    is_feasible = Field("Near enough", kind=bool)
    lowest_tco = Named("Cost with emissions paid for", "dollar", kind=float | None)
    carbon_footprint = Field("Emissions of the electricity", "kgCO2e", "tCO2e", kind=float | None)
    total_energy_kwh = Field("Energy with the building", "kWh", kind=float | None)
    pue = Field("PUE", kind=float | None)
    scope = Field("Emissions counted", kind=str)
    carbon_tax_per_ton = Named("Price of emissions", "dollar/tCO2e")
    cheapest_untaxed = Field("Best region without that price", kind=str | None)
    cleanest = Field("Region with the least emissions", kind=str | None)
    max_latency = Field("Longest way to the users", "s", "ms", optional=True)
    duration = Span("Time", "s", "day")
    top_candidates = Field("Every region", hidden=True, kind=PLACES)
    notes = Field("Notes", kind=tuple[str, ...])

    def candidates(self) -> Places:
        """Return the regions as a table, the cheapest first, those too far away last.

        Examples
        --------
        >>> from mlsysim import Infra, PlacementOptimizer, Systems
        >>> result = PlacementOptimizer().solve(Systems.Clusters.Research_256, [Infra.Quebec, Infra.Poland], 30)
        >>> [row[0] for row in result.candidates().rows()]
        ['Quebec', 'Poland']
        """
        return Places(self.plain["top_candidates"])


class Places:
    """Regions with their costs, as a table."""

    HEADERS = ("Region", "Electricity", "Emissions", "Their price", "Total")

    def __init__(self, places: tuple[dict[str, Any], ...]) -> None:
        self.places = places
        self.headers = [*self.HEADERS, *(("To users", "Lacks") if places[0]["latency_s"] is not None else ())]
        self._align = "<>>>>><"[: len(self.headers)]

    def rows(self) -> list[list[str]]:
        """The cells, as a reader wants them."""
        return [
            [
                place["region"],
                f"${place['energy_cost_usd']:,.0f}",
                f"{place['carbon_footprint_kg'] / 1000:,.1f} t",
                f"${place['carbon_cost_usd']:,.0f}",
                f"${place['total_usd']:,.0f}",
                *([] if place["latency_s"] is None else [pretty(place["latency_s"], "s"), place["lacks"] or ""]),
            ]
            for place in self.places
        ]

    def to_frame(self) -> Any:
        """Return the table as a pandas DataFrame in dollars, kilograms and seconds."""
        import pandas

        return pandas.DataFrame(self.places)

    def __str__(self) -> str:
        return text_table(self.headers, self.rows(), self._align)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(self.headers, self.rows(), self._align)


class PlacementOptimizer(Solver):
    """Walls 17 and 18 together: the region in which a fleet costs least when its emissions have a price.

    Examples
    --------
    >>> from mlsysim import Infra, PlacementOptimizer, Systems
    >>> regions = [Infra.US_Avg, Infra.Quebec, Infra.Poland]
    >>> result = PlacementOptimizer().solve(Systems.Clusters.Research_256, regions, 30, mfu=0.4)
    >>> result.best_region, result.scope
    ('Quebec', 'life cycle')
    """

    @property
    def walls(self) -> tuple[Wall, ...]:
        """The walls whose costs it adds up."""
        return walls_for_solver("EconomicsModel") + walls_for_solver("SustainabilityModel")

    def solve(
        self,
        fleet: Fleet,
        regions: Iterable[Place],
        duration_days: Any,
        carbon_tax_per_ton: Any = 100,
        mfu: float | None = None,
        *,
        pue: float | None = None,
        scope: str | None = None,
        latencies: Mapping[str, Any] | None = None,
        max_latency: Any = None,
        utilization: float = 1.0,
        accelerator_price: Any = None,
        infrastructure_multiplier: float | None = None,
        amortization_years: Any = None,
    ) -> PlacementResult:
        """Return the region in which a fleet costs least over a time, its emissions paid for.

        Parameters
        ----------
        fleet, duration_days, mfu, utilization
            As in `SustainabilityModel.solve`.
        regions
            Grids, entries of `Infra.Grids` or your own, each with a price of electricity; or buildings of
            `Infra.Datacenters` that name theirs.
        carbon_tax_per_ton
            Price of a ton of CO2e from the electricity in dollars, a number or a quantity. What comes from making the
            fleet is the same everywhere and left out.
        pue
            Energy of the building over that of its machines, for every region; by default that of each building, or the
            average of a survey.
        scope
            ``"direct"`` or ``"life cycle"`` emissions; by default those of the records, which must then be the same.
        latencies, max_latency
            Time from each region to the users, a quantity by the region's name, and the longest allowed. Give both.
        accelerator_price, infrastructure_multiplier, amortization_years
            As in `EconomicsModel.solve`.

        Returns
        -------
        PlacementResult
            Also if every region is too far away: then `is_feasible` is False, and `candidates()` has how far each is.

        Raises
        ------
        InputError, InputTypeError, UnitError, UnknownName
            For an argument of the wrong kind or an impossible value, a region given by its name or twice, one without a
            price of electricity, or regions whose emissions are counted in different ways.
        """
        check_fleet(fleet)
        places = _places(regions)
        tax = amount("carbon_tax_per_ton", carbon_tax_per_ton, "dollar/kgCO2e", named="dollar/tCO2e", zero=True)
        far, limit = _latencies(places, latencies, max_latency)
        shared = {"mfu": mfu, "pue": pue, "utilization": utilization}
        priced = {
            "accelerator_price": accelerator_price,
            "infrastructure_multiplier": infrastructure_multiplier,
            "amortization_years": amortization_years,
        }
        candidates, scopes, notes = [], {}, {}
        for name, place in places.items():
            with part(name):
                used = SustainabilityModel().solve(fleet, duration_days, place, scope=scope, **shared)
                cost = EconomicsModel().solve(fleet, duration_days, datacenter=place, **shared, **priced).plain
                emitted = used.plain["carbon_footprint_kg"]
                carbon = physics.carbon_cost.plain(emitted, tax)
                total = physics.placed_cost.plain(cost["tco_usd"], carbon)
            scopes[name] = used.scope
            notes |= dict.fromkeys(cost["notes"])
            candidates.append(
                {
                    "region": name,
                    "total_usd": total,
                    "tco_usd": cost["tco_usd"],
                    "energy_cost_usd": cost["opex_energy_usd"],
                    "carbon_cost_usd": carbon,
                    "carbon_footprint_kg": emitted,
                    "total_energy_kwh": used.plain["total_energy_kwh"],
                    "pue": used.pue,
                    "latency_s": far.get(name),
                    "lacks": _lacks(far.get(name), limit),
                }
            )
        counted = _one_scope(scopes)
        near = [one for one in candidates if one["lacks"] is None]
        best = min(near, key=lambda one: one["total_usd"], default=None)
        found = best or dict.fromkeys(candidates[0])
        return PlacementResult(
            best_region=found["region"],
            is_feasible=best is not None,
            lowest_tco=found["total_usd"],
            carbon_footprint=found["carbon_footprint_kg"],
            total_energy_kwh=found["total_energy_kwh"],
            pue=found["pue"],
            scope=counted,
            carbon_tax_per_ton=1000 * tax,
            cheapest_untaxed=_least(near, "tco_usd"),
            cleanest=_least(near, "carbon_footprint_kg"),
            max_latency=limit,
            duration=86400 * amount("duration_days", duration_days, "day", named="day"),
            top_candidates=tuple(sorted(candidates, key=lambda one: (one["lacks"] is not None, one["total_usd"]))),
            notes=(*_notes(near, candidates), *notes),
        )


def _places(regions: Any) -> dict[str, Place]:
    """The regions by their names, each of a kind and with the figures that are needed."""
    if isinstance(regions, str | Place | Iterator) or not isinstance(regions, Iterable):
        one = _named(regions) if isinstance(regions, str) else shown(regions)
        raise InputTypeError(f"regions must be a list of grids, such as [Infra.Quebec, Infra.Poland]; got {one}")
    places: dict[str, Place] = {}
    for number, place in enumerate(regions):
        if isinstance(place, str):
            raise InputTypeError(f"regions[{number}] must be an object, not its name: write {_named(place)}")
        if not isinstance(place, Place):
            raise InputTypeError(f"regions[{number}] must be an entry of Infra or one of your own; got {shown(place)}")
        if place.name in places:
            raise InputError(f"regions must differ; {place.name} stands there twice")
        grid = place.region if isinstance(place, Datacenter) else place
        if grid is None:
            raise InputError(f"regions[{number}], {place.name}, names no grid: give Datacenter(..., region=...)")
        if grid.electricity_price is None:
            raise InputError(
                f"regions[{number}]: no price of electricity is recorded for {grid.name}; give a GridProfile of your"
                " own with electricity_price"
            )
        places[place.name] = place
    if not places:
        raise InputError("regions must have at least one region; got none")
    return places


def _named(name: str) -> str:
    Infra[name]  # raises with the nearest name if there is none
    return f"Infra.{name} for {name!r}"


def _latencies(places: Mapping[str, Place], latencies: Any, limit: Any) -> tuple[dict[str, float], float | None]:
    if latencies is None and limit is None:
        return {}, None
    if latencies is None or limit is None:
        raise InputError("latencies and max_latency must be given together")
    if not isinstance(latencies, Mapping):
        raise InputTypeError(f"latencies must be quantities by the names of regions; got {shown(latencies)}")
    for name in latencies:
        if name not in places:
            raise unknown("region in latencies", name, places)
    for name in places:
        if name not in latencies:
            raise InputError(f"latencies must have each region; {name} is missing")
    times = {name: amount(f"latencies[{name!r}]", time, "s", zero=True) for name, time in latencies.items()}
    return times, amount("max_latency", limit, "s", zero=True)


def _lacks(latency: float | None, limit: float | None) -> str | None:
    if latency is None or limit is None or latency <= limit:
        return None
    return f"over {pretty(limit, 's')}"


def _one_scope(scopes: Mapping[str, str]) -> str:
    """What emissions count, if it is the same everywhere."""
    found = sorted(set(scopes.values()))
    if len(found) > 1:
        said = "; ".join(f"{scope}: {', '.join(n for n, one in scopes.items() if one == scope)}" for scope in found)
        raise InputError(f"regions must count emissions in one scope, or scope= must say which; got {said}")
    return found[0]


def _least(places: list[dict[str, Any]], figure: str) -> str | None:
    return min(places, key=lambda one: one[figure])["region"] if places else None


def _notes(near: list[dict[str, Any]], candidates: list[dict[str, Any]]) -> tuple[str, ...]:
    if not near:
        nearest = min(candidates, key=lambda one: one["latency_s"])
        return (f"every region is too far from the users; the nearest is {nearest['region']}",)
    return ()
