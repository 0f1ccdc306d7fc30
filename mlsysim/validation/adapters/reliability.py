"""Reliability: failures of the devices that a record states, by the published rates that our solver takes by default.

They were counted on another cluster than any record is about, or else the record states a rate itself: rates of ours
that come from the very run would only be read back. The level changes nothing here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlsysim.core.solver.fleet.failures import FAILURES
from mlsysim.core.solver.fleet.reliability import ReliabilityModel, ReliabilityResult
from mlsysim.physics import reliability
from mlsysim.systems.types import Fleet
from mlsysim.units import Q_
from mlsysim.validation.adapters.figures import given, quantity, whole
from mlsysim.validation.adapters.machines import machines
from mlsysim.validation.adapters.names import NotStated
from mlsysim.validation.records import Measurement

HEADLINE = (
    "unexpected",
    "mttf",
    "machines_down_per_day",
    "rsc1_rate",
    "nic_tor_link_failures_per_month",
    "network_switch_cable",
)

RATES = "stepfun"
"""The rates that `ReliabilityModel.solve` takes by default."""

CAUSES = {"nic": ("nic",), "software_bug": ("software",), "network_switch_cable": ("link", "switch")}
"""Causes of ours that a root cause of the records is."""

CHECKPOINT = Q_(1, "min")
"""A standstill that the solver asks for; nothing that is compared depends on it."""

UNANSWERED = {
    "tor_critical_failures_per_month": "it is the rate of our switches, from this very source",
    "crashes_per_llm_job_per_month": "the size of the job is not stated",
    "longest_runs": "the longest of the times between failures is not predicted, their mean is",
    "manual_restarts": "who restarts a job is not predicted",
    "automatic_restarts_estimated": "who restarts a job is not predicted",
    "hosts_cycled": "which hosts are taken out is not predicted",
    "rollbacks": "spikes of the loss are not predicted",
    "manual_interventions": "who restarts a job is not predicted",
    "ettr": "neither the time of a checkpoint nor that of a restart is stated",
    "effective_training_time_lower_bound": "it is a bound, and the time of a checkpoint is not stated",
    "planned": "planned interruptions are no failures",
    "total_interruptions": "it counts planned interruptions, which are no failures",
    "hardware_share_of_unexpected": "half of the failures behind our rates are attributed to no part",
}
"""Why these metrics are not predicted."""


def predict(record: Measurement, level: str) -> dict[str, Any]:
    """Return what we predict for each metric of a record, or why we do not."""
    return {metric: _answer(record, metric) for metric in record.measured}


def _answer(record: Measurement, metric: str) -> Any:
    if metric not in METRICS:
        return UNANSWERED.get(metric, f"our causes do not tell {metric} apart")
    try:
        return METRICS[metric](record)
    except NotStated as why:
        return str(why)


def _solved(record: Measurement, duration: Any = None) -> ReliabilityResult:
    """The failures of the record's devices; where nothing depends on it, over a day."""
    nodes = -(-whole(record, "count") // _node(record))
    fleet = Fleet(name=record.id, hw=machines(record).hardware, count=nodes)
    rate = "node_failure_rate_per_day"
    rates = {"unattributed": quantity(record, rate, "1/day")} if given(record, rate) else RATES
    return ReliabilityModel().solve(fleet, Q_(1, "day") if duration is None else duration, CHECKPOINT, rates=rates)


def _node(record: Measurement) -> int:
    """Devices of a node, of which our fleets have eight."""
    each = whole(record, "gpus_per_node", default=8)
    if each != 8:
        raise NotStated(f"its nodes have {each} devices, and those that we make of a device alone have 8")
    return 8


def _duration(record: Measurement) -> Any:
    return quantity(record, "duration_days", "day")


def _expected(record: Measurement) -> Any:
    return Q_(_solved(record, _duration(record)).expected_failures, "dimensionless")


def _a_day(record: Measurement) -> Any:
    return 1 / _solved(record).fleet_mtbf


def _mtbf(record: Measurement) -> Any:
    return _solved(record).fleet_mtbf


def _node_rate(record: Measurement) -> Any:
    return Q_(FAILURES[RATES].server_rate(), "1/s")


def _link_failures(record: Measurement) -> Any:
    return reliability.expected_failures(Q_(FAILURES[RATES].unit_rates()["link"], "1/s"), Q_(1, "month"))


def _of_causes(*causes: str) -> Callable[[Measurement], Any]:
    def expected(record: Measurement) -> Any:
        rows = _solved(record, _duration(record)).plain["causes"]
        return Q_(sum(row["expected"] for row in rows if row["cause"] in causes), "dimensionless")

    return expected


METRICS: dict[str, Callable[[Measurement], Any]] = {
    "unexpected": _expected,
    "restarts_lineage": _expected,
    "mean_time_between_unexpected": _mtbf,
    "mttf": _mtbf,
    "machines_down_per_day": _a_day,
    "rsc1_rate": _node_rate,
    "rsc2_rate": _node_rate,
    "nic_tor_link_failures_per_month": _link_failures,
    **{metric: _of_causes(*causes) for metric, causes in CAUSES.items()},
}
