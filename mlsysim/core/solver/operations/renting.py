"""Renting in place of owning: what the same work costs in a cloud, and from which utilization owning pays."""

from __future__ import annotations

from math import isnan, nan
from typing import Any, NamedTuple

from mlsysim.core.solver.operations.figures import CLOUD_PRICES
from mlsysim.core.solver.operations.power import Power
from mlsysim.hardware.types import HardwareNode
from mlsysim.physics import renting
from mlsysim.physics.elementwise import some, where
from mlsysim.physics.equation import part
from mlsysim.systems.types import Fleet
from mlsysim.units import amount


class Offer(NamedTuple):
    """The price of an accelerator for an hour [dollar/hour], and whose it is."""

    price: float
    source: str


class Owned(NamedTuple):
    """What owning costs over a time: all of it, the part that does not depend on work [dollar], its energy's price."""

    total: float
    fixed: float
    pue: float
    tariff: float


class Renting(NamedTuple):
    """The comparison; all of it is None where no price of renting is known."""

    offer: Offer | None
    rent: float | None
    break_even: float | None
    cheaper: str | None
    notes: tuple[str, ...]

    @classmethod
    def of(cls, fleet: Fleet, hours: float, power: Power, utilization: float, owned: Owned, price: Any) -> Renting:
        """Return the comparison of owning a fleet with renting its accelerators while they work."""
        offer = _offer(fleet.node.accelerator, price)
        if offer is None:
            told = f"no price of renting is recorded for {fleet.node.accelerator.name}: give one, as cloud_price=2.5"
            return cls(None, None, None, None, (told,))
        devices, each = fleet.total_accelerators, fleet.node.accelerators_per_node
        rent = renting.rent.plain(devices, hours, utilization, offer.price)
        with part("Fixed, at all hours"):
            fixed = renting.hourly_cost.plain(owned.fixed, devices, hours, 1.0)
        with part("At work"):
            working = renting.power_cost.plain(power.working / each, owned.pue, owned.tariff)
        idle = power.at_rest(fleet)
        with part("At rest"):
            resting = renting.power_cost.plain(idle / each, owned.pue, owned.tariff)
        standing = renting.standing_cost.plain(fixed, resting)
        saved = renting.rent_saved.plain(offer.price, working, resting)
        saves = saved > 0
        even = renting.break_even.plain(standing, where(saves, saved, nan)) if some(saves) else nan
        even = where(even <= 1, even, nan)
        cheaper = where(owned.total < rent, "owning", "renting")
        if isinstance(even, float) and isnan(even):
            return cls(offer, rent, None, cheaper, ("renting is cheaper at any utilization",))
        return cls(offer, rent, even, cheaper, ())

    def fields(self) -> dict[str, Any]:
        """What a result says of renting."""
        return {
            "cloud_price_usd": None if self.offer is None else self.offer.price,
            "cloud_source": None if self.offer is None else self.offer.source,
            "cloud_usd": self.rent,
            "break_even_utilization": self.break_even,
            "cheaper": self.cheaper,
        }


def _offer(device: HardwareNode, given: Any) -> Offer | None:
    if given is not None:
        return Offer(amount("cloud_price", given, "dollar/hour", named="dollar/hour"), "given")
    for record in CLOUD_PRICES:
        if record.accelerator == device.name:
            figure = record.figures["price"]
            return Offer(record.price.m_as("dollar/hour"), f"{record.name}, {figure.date} [{figure.source}]")
    return None
