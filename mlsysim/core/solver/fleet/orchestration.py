"""How long jobs wait for a shared cluster, and how much of it stays idle because no further job fits."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, floor, isclose
from typing import Any

from mlsysim.core.result import Field, Result
from mlsysim.core.solver.base import Solver
from mlsysim.core.solver.fleet.inputs import Span, check_fleet
from mlsysim.core.solver.node.queues import LARGEST_LOAD, Queue, Service, coefficient
from mlsysim.errors import InputError, positive_integer
from mlsysim.physics import gangs, queueing
from mlsysim.systems.types import Fleet
from mlsysim.units import amount

ROUNDING = 1e-12
"""Days become seconds and back: loads that differ by less are equal, and an equal one is not stable."""


class OrchestrationResult(Result):
    """How long jobs wait for a shared cluster, and how much of it they use."""

    fleet = Field("Fleet", kind=str)
    accelerators = Field("Accelerators", kind=int)
    job_accelerators = Field("Accelerators of a job", kind=int)
    slots = Field("Jobs at once", kind=int)
    is_stable = Field("Stable", kind=bool)
    avg_wait_time_days = Span("Mean wait", "s", "day", kind=float | None)
    avg_turnaround_days = Span("Mean time from arrival to end", "s", "day", kind=float | None)
    wait_probability = Field("Probability of waiting", kind=float | None)
    avg_queue_length = Field("Jobs that wait, on average", kind=float | None)
    slot_utilization = Field("Demand over what can run at once", kind=float | None)
    cluster_utilization = Field("Share of the accelerators in jobs", kind=float)
    fragmented_accelerators = Field("Accelerators that no job can use", kind=int)
    left_over_accelerators = Field("  because the size of a job does not divide the fleet", kind=int)
    fragmentation = Field("  of all", kind=float)
    arrival_rate = Span("Arrival rate", "1/s", "1/day")
    avg_job_duration = Span("Mean length of a job", "s", "day")
    duration_cv = Field("Variation of the lengths", kind=float)
    arrival_cv = Field("Variation of the times between arrivals", kind=float)
    notes = Field("Notes", kind=tuple[str, ...])
    would_be_stable = Field("What would be stable", kind=tuple[str, ...])


class OrchestrationModel(Solver):
    """Wall 16: jobs of equal size wait behind one queue for as many of their accelerators as they need at once.

    The cluster is as many servers as such gangs fit on its nodes. With random arrivals and exponential lengths (M/M/c)
    the wait is exact [gross2008queueing]; for other lengths (M/G/c) its mean is that of Allen and Cunneen
    [allen1990probability], exact again for one job at a time.

    Examples
    --------
    >>> from mlsysim import OrchestrationModel, Systems
    >>> result = OrchestrationModel().solve(Systems.Clusters.Research_256, 3, 2, job_accelerators=32)
    >>> result.slots, f"{result.avg_wait_time_days:.2f}", f"{result.cluster_utilization:.0%}"
    (8, '0.36 d', '75%')
    """

    def solve(
        self,
        fleet: Fleet,
        arrival_rate_jobs_per_day: Any,
        avg_job_duration_days: Any,
        *,
        job_accelerators: int | None = None,
        duration_cv: float = 1.0,
        arrival_cv: float = 1.0,
    ) -> OrchestrationResult:
        """Return how long jobs wait, how many do, and what share of the cluster works.

        Parameters
        ----------
        fleet
            An entry of `Systems.Clusters` or one of your own.
        arrival_rate_jobs_per_day
            Jobs that arrive in a day; a number or a quantity.
        avg_job_duration_days
            Mean length of a job once it runs, in days; a number or a quantity.
        job_accelerators
            Accelerators of a job, which it gets all at once (gang scheduling): whole nodes, or a part of one node. Left
            out, each job takes the whole fleet.
        duration_cv
            Standard deviation of the lengths over their mean: 1 for exponential, 0 for equal ones.
        arrival_cv
            The same of the times between arrivals: 1 for random arrivals.

        Returns
        -------
        OrchestrationResult
            Also if more work arrives than fits, or the job does not fit at all: then `is_stable` is False, no wait
            exists, and `would_be_stable` says what would be.

        Raises
        ------
        InputError, InputTypeError, UnitError, UnknownName
            For an argument of the wrong kind or an impossible value; the message names it and what is allowed.
        """
        check_fleet(fleet)
        rate = amount("arrival_rate_jobs_per_day", arrival_rate_jobs_per_day, "1/s", named="1/day")
        mean = amount("avg_job_duration_days", avg_job_duration_days, "s", named="day")
        devices, per_node = fleet.total_accelerators, fleet.node.accelerators_per_node
        gang = devices if job_accelerators is None else positive_integer("job_accelerators", job_accelerators)
        cvs = coefficient("arrival_cv", arrival_cv), coefficient("duration_cv", duration_cv)
        if gang < per_node:
            slots = gangs.gangs_within_nodes.plain(fleet.count, per_node, gang)
        else:
            slots = gangs.gangs_over_nodes.plain(fleet.count, gangs.nodes_of_gang.plain(gang, per_node))
        load = queueing.offered_load.plain(rate, mean)
        if load > LARGEST_LOAD:
            raise InputError(
                "arrival_rate_jobs_per_day times avg_job_duration_days must be at most"
                f" {LARGEST_LOAD:g} jobs at once; got {load:g}"
            )
        stable = load < slots and not isclose(load, slots, rel_tol=ROUNDING)
        if stable:
            queue = Queue.of(slots, load, Service.of(mean, cvs[1]), cvs[0])
            wait = queueing.mean_wait.plain(queue.waiting, queue.conditional)
            answer = {
                "avg_wait_time_days": wait,
                "avg_turnaround_days": queueing.mean_sojourn.plain(wait, mean),
                "wait_probability": queue.waiting,
                "avg_queue_length": queueing.mean_number.plain(rate, wait),
                "slot_utilization": queue.utilization,
            }
        else:
            answer = dict.fromkeys(_TIMES) | {
                "slot_utilization": queueing.server_utilization.plain(load, slots) if slots else None
            }
        idle = gangs.fragmented_accelerators.plain(devices, slots, gang)
        return OrchestrationResult(
            fleet=fleet.name,
            accelerators=devices,
            job_accelerators=gang,
            slots=slots,
            is_stable=stable,
            **answer,
            cluster_utilization=gangs.cluster_utilization.plain(load if stable else slots, gang, devices),
            fragmented_accelerators=idle,
            left_over_accelerators=gangs.left_over_accelerators.plain(devices, gang),
            fragmentation=gangs.fragmentation.plain(idle, devices),
            arrival_rate=rate,
            avg_job_duration=mean,
            arrival_cv=cvs[0],
            duration_cv=cvs[1],
            notes=tuple(_notes(fleet, gang, job_accelerators is None, slots, stable, cvs)),
            would_be_stable=() if stable else tuple(_stable(gang, per_node, load, slots, mean)),
        )


_TIMES = ("avg_wait_time_days", "avg_turnaround_days", "wait_probability", "avg_queue_length")


def _notes(fleet: Fleet, gang: int, whole: bool, slots: int, stable: bool, cvs: tuple[float, float]) -> Iterator[str]:
    if whole:
        yield "each job takes the whole fleet; job_accelerators= gives another size"
    yield "jobs are of equal size and start in the order of their arrival, as soon as all their accelerators are free"
    if stable:
        yield _exactness(slots, *cvs)
    per_node = fleet.node.accelerators_per_node
    if gang > per_node and gang % per_node:
        yield f"a job takes whole nodes: {-gang % per_node} accelerators of its last node stay idle while it runs"
    if not slots:
        yield f"a job needs {gang:,} accelerators, the fleet has {fleet.total_accelerators:,}: none ever starts"
    elif not stable:
        yield "more work arrives than fits: the queue grows for ever, and no wait exists"


def _exactness(slots: int, arrival_cv: float, duration_cv: float) -> str:
    if arrival_cv == duration_cv == 1:
        return "exact for random arrivals and exponential lengths (M/M/c)"
    if arrival_cv == slots == 1:
        return "the mean wait is exact for random arrivals and one job at a time (M/G/1)"
    return "an approximation: the mean wait of Allen and Cunneen [allen1990probability]"


def _stable(gang: int, per_node: int, load: float, slots: int, mean: float) -> Iterator[str]:
    """The least fleet that keeps up, and the arrivals with which this one does."""
    needed = floor(load * (1 + ROUNDING)) + 1
    nodes = ceil(needed / (per_node // gang)) if gang < per_node else needed * ceil(gang / per_node)
    yield f"count={nodes}"
    if slots:
        yield f"fewer than {slots / (mean / 86400):.4g} jobs a day"
