"""Cost: the hours of a record's devices, rented at the price that it states or that our records have for the device.

The level changes nothing here.
"""

from __future__ import annotations

from typing import Any

from mlsysim.core.solver.operations.figures import CLOUD_PRICES
from mlsysim.physics import renting
from mlsysim.validation.adapters.figures import given, quantity
from mlsysim.validation.adapters.machines import machines
from mlsysim.validation.adapters.names import NotStated
from mlsysim.validation.records import Measurement

PHASES = {
    "pretraining_cost": ("pretrain_gpu_hours",),
    "context_cost": ("context_gpu_hours",),
    "post_training_cost": ("post_gpu_hours",),
    "total_cost": ("pretrain_gpu_hours", "context_gpu_hours", "post_gpu_hours"),
}
HEADLINE = ("cost", "total_cost", "cost_high")


def predict(record: Measurement, level: str) -> dict[str, Any]:
    """Return what we predict for each metric of a record, or why we do not."""
    answers = {}
    for metric in record.measured:
        try:
            answers[metric] = _answer(record, metric)
        except NotStated as why:
            answers[metric] = str(why)
    return answers


def _answer(record: Measurement, metric: str) -> Any:
    if metric in ("gpu_hours", "training_time"):
        return "the record states it as an input"
    if metric == "cost_low":
        return "we record no prices of machines that may be taken away"
    if metric not in (*PHASES, "cost", "cost_high"):
        return f"{metric} is no cost of renting"
    hours = _hours(record, PHASES.get(metric, ()))
    if hours is None:
        return "it states no hours of devices"
    return renting.rent(1, hours, 1.0, _price(record))


def _hours(record: Measurement, phases: tuple[str, ...]) -> Any:
    """Hours of all devices together; None where they are not stated."""
    if phases:
        return sum(quantity(record, name, "hour", zero=True) for name in phases) if given(record, *phases) else None
    if given(record, "gpu_hours"):
        return quantity(record, "gpu_hours", "hour")
    for name, of in (("hours", "hour"), ("days", "day")):
        if given(record, name):
            return machines(record).count * quantity(record, name, of).to("hour")
    return None


def _price(record: Measurement) -> Any:
    if given(record, "price_per_gpu_hour_usd"):
        return quantity(record, "price_per_gpu_hour_usd", "dollar/hour")
    name = machines(record).hardware.name
    price = next((offer.price for offer in CLOUD_PRICES if offer.accelerator == name), None)
    if price is None:
        raise NotStated(f"no price of renting is recorded for {name}")
    return price
