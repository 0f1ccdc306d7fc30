"""The slowest requests to replicas behind one queue: how long they take, and how many replicas a target needs."""

from __future__ import annotations

from typing import Any

from mlsysim.core.result import Field, Result
from mlsysim.core.solver.base import Solver
from mlsysim.core.solver.node.queues import Queue, Traffic, share_below
from mlsysim.core.walls import Wall, walls_for_solver
from mlsysim.errors import positive_integer
from mlsysim.physics import queueing
from mlsysim.physics.equation import part
from mlsysim.units import amount


class TailLatencyResult(Result):
    """How long requests take behind one queue, from arrival to answer."""

    p50_latency = Field("Median latency", "s", "ms", kind=float | None)
    p90_latency = Field("  90th percentile", "s", "ms", kind=float | None)
    p95_latency = Field("  95th percentile", "s", "ms", kind=float | None)
    p99_latency = Field("99th percentile", "s", "ms", kind=float | None)
    p999_latency = Field("  99.9th percentile", "s", "ms", kind=float | None)
    mean_latency = Field("Mean latency", "s", "ms", kind=float | None)
    mean_wait = Field("  of it in the queue", "s", "ms", kind=float | None)
    p99_wait = Field("99th percentile of the wait", "s", "ms", kind=float | None)
    wait_probability = Field("Probability of waiting", kind=float | None)
    queue_length = Field("Requests that wait, on average", "dimensionless", kind=float | None)
    queue_utilization = Field("Utilization of the replicas", kind=float)
    is_stable = Field("Stable", kind=bool)
    slo_latency = Field("Latency objective (SLO)", "s", "ms", kind=float | None)
    percentile = Field("  for a share of the requests of", kind=float)
    slo_violation_probability = Field("Probability of violating the SLO", kind=float | None)
    replicas_needed = Field("Replicas that the SLO needs", kind=int | None)
    arrival_rate = Field("Arrival rate", "1/s")
    service_latency = Field("Mean service time", "s", "ms")
    num_replicas = Field("Replicas", kind=int)
    service_time_cv = Field("Variation of the service times", kind=float)
    arrival_cv = Field("Variation of the times between arrivals", kind=float)
    notes = Field("Notes", kind=tuple[str, ...])
    would_be_stable = Field("What would be stable", kind=tuple[str, ...])


class TailLatencyModel(Solver):
    """Wall 7: replicas serve one queue, and a request takes its wait and its service together.

    With random arrivals and exponential service times (M/M/c) everything is exact [gross2008queueing]. Otherwise the
    mean wait is that of Allen and Cunneen [allen1990probability], exponential for those who wait, and the service times
    are fitted by mean and variation [whitt1982approximating]. In simulations with gamma, lognormal and fitted times, at
    loads of 0.5 to 0.9 on 1 to 16 replicas, the 99th percentile was then off by up to 15 % where both coefficients of
    variation are at most 1, and by up to 60 % where one is 2. The mean wait itself is worse where hardly anyone waits.

    Examples
    --------
    >>> from mlsysim import TailLatencyModel
    >>> result = TailLatencyModel().solve(arrival_rate_qps=30, service_latency_ms=100, num_replicas=4)
    >>> print(f"{result.p50_latency:.0f}, {result.p99_latency:.0f} at {result.queue_utilization:.0%}")
    116 ms, 601 ms at 75%
    """

    def solve(
        self,
        arrival_rate_qps: Any,
        service_latency_ms: Any,
        num_replicas: int = 1,
        service_time_cv: float = 1.0,
        arrival_cv: float = 1.0,
        *,
        slo_latency_ms: Any = None,
        percentile: float = 0.99,
    ) -> TailLatencyResult:
        """Return the percentiles of the latency, who waits, and how often an objective is missed.

        Parameters
        ----------
        arrival_rate_qps
            Requests that arrive in a second; a number or a quantity.
        service_latency_ms
            Mean time in which one replica serves one request, in milliseconds; a number or a quantity.
        num_replicas
            Replicas behind the queue, each of which serves one request at a time.
        service_time_cv
            Standard deviation of the service times over their mean: 1 for exponential, 0 for equal ones.
        arrival_cv
            The same of the times between arrivals: 1 for random arrivals.
        slo_latency_ms
            Latency that requests are to keep to (service-level objective), in milliseconds; a number or a quantity.
        percentile
            Share of the requests that are to keep to it, for `replicas_needed`.

        Returns
        -------
        TailLatencyResult
            Also if more arrives than can be served: then `is_stable` is False, no latency exists, every request misses
            the objective in the end, and `would_be_stable` says what would serve them.

        Raises
        ------
        InputError, InputTypeError, UnitError
            For an argument of the wrong kind or an impossible value; the message names it and what is allowed.
        """
        replicas = positive_integer("num_replicas", num_replicas)
        traffic = Traffic.of(arrival_rate_qps, service_latency_ms, service_time_cv, arrival_cv)
        slo = None if slo_latency_ms is None else amount("slo_latency_ms", slo_latency_ms, "s", named="ms")
        at = share_below("percentile", percentile)
        needed = None if slo is None else traffic.replicas_for(slo, 1 - at)
        notes = traffic.notes()
        if slo is not None and needed is None:
            notes += (f"no number of replicas meets the SLO: {traffic.refusal(at)}",)
        stable = replicas > traffic.load
        if stable:
            answer = _percentiles(traffic.queue(replicas), traffic.arrival_rate, slo)
        else:
            answer = dict.fromkeys(_TIMES) | {
                "queue_utilization": queueing.server_utilization.plain(traffic.load, replicas),
                "slo_violation_probability": None if slo is None else 1.0,
            }
            notes += ("more arrives than can be served: the queue grows for ever, and no latency exists",)
        return TailLatencyResult(
            **answer,
            is_stable=stable,
            slo_latency=slo,
            percentile=at,
            replicas_needed=needed,
            arrival_rate=traffic.arrival_rate,
            service_latency=traffic.service.mean,
            num_replicas=replicas,
            service_time_cv=traffic.service.cv,
            arrival_cv=traffic.arrival_cv,
            notes=notes,
            would_be_stable=() if stable else (f"num_replicas={traffic.stable_replicas()}",),
        )


_PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}
_TIMES = [f"{name}_latency" for name in _PERCENTILES] + [
    "mean_latency",
    "mean_wait",
    "p99_wait",
    "wait_probability",
    "queue_length",
]


def _percentiles(queue: Queue, arrival_rate: float, slo: float | None) -> dict[str, Any]:
    wait = queueing.mean_wait.plain(queue.waiting, queue.conditional)
    answer = {
        "mean_wait": wait,
        "mean_latency": queueing.mean_sojourn.plain(wait, queue.service.mean),
        "p99_wait": queueing.wait_percentile.plain(1 - _PERCENTILES["p99"], queue.waiting, queue.conditional),
        "wait_probability": queue.waiting,
        "queue_length": queueing.mean_number.plain(arrival_rate, wait),
        "queue_utilization": queue.utilization,
    }
    answer |= {f"{name}_latency": queue.percentile(at) for name, at in _PERCENTILES.items()}
    with part("SLO"):
        return answer | {"slo_violation_probability": None if slo is None else queue.late(slo)}


class ServingCapacityResult(Result):
    """How many replicas a service needs so that the asked share of its requests is answered in time."""

    feasible = Field("Target can be met", kind=bool)
    replicas = Field("Replicas", kind=int | None)
    limited_by = Field("Set by", kind=str | None)
    reached_latency = Field("Latency reached", "s", "ms", kind=float | None)
    target_latency = Field("  asked for", "s", "ms")
    percentile = Field("  by a share of the requests of", kind=float)
    mean_latency = Field("Mean latency", "s", "ms", kind=float | None)
    queue_utilization = Field("Utilization of the slots", kind=float | None)
    stable_replicas = Field("Replicas that keep up with the arrivals", kind=int)
    service_percentile = Field("Latency without any wait", "s", "ms")
    arrival_rate = Field("Arrival rate", "1/s")
    service_latency = Field("Mean service time", "s", "ms")
    slots_per_replica = Field("Requests at once on a replica", kind=int)
    service_time_cv = Field("Variation of the service times", kind=float)
    arrival_cv = Field("Variation of the times between arrivals", kind=float)
    notes = Field("Notes", kind=tuple[str, ...])


class ServingCapacityModel(Solver):
    """Wall 7 the other way round: the fewest replicas at which a percentile of the latency meets its target.

    Examples
    --------
    >>> from mlsysim import ServingCapacityModel
    >>> result = ServingCapacityModel().solve(arrival_rate_qps=30, service_latency_ms=100, target_ms=500)
    >>> result.replicas, result.stable_replicas, result.limited_by
    (5, 4, 'Tail')
    """

    @property
    def walls(self) -> tuple[Wall, ...]:
        """The wall whose solver this turns round."""
        return walls_for_solver(TailLatencyModel.__name__)

    def solve(
        self,
        arrival_rate_qps: Any,
        service_latency_ms: Any,
        target_ms: Any,
        percentile: float = 0.99,
        slots_per_replica: int = 1,
        service_time_cv: float = 1.0,
        arrival_cv: float = 1.0,
    ) -> ServingCapacityResult:
        """Return the fewest replicas that answer the asked share of the requests in time.

        Parameters
        ----------
        arrival_rate_qps, service_time_cv, arrival_cv
            As in `TailLatencyModel.solve`.
        service_latency_ms
            Mean time of serving one request in its slot, in milliseconds; a number or a quantity. Of a language model,
            that is ``ttft + (output_tokens - 1) * itl`` of a `ServingResult` whose batch is `slots_per_replica`.
        target_ms
            Latency that the percentile may reach, in milliseconds; a number or a quantity.
        percentile
            Share of the requests that must be answered within the target.
        slots_per_replica
            Requests that a replica serves at once: the size of its batch.

        Returns
        -------
        ServingCapacityResult
            Also if no number of replicas is enough, because the service alone takes too long: then `feasible` is False.

        Raises
        ------
        InputError, InputTypeError, UnitError
            For an argument of the wrong kind or an impossible value; the message names it and what is allowed.
        """
        slots = positive_integer("slots_per_replica", slots_per_replica)
        traffic = Traffic.of(arrival_rate_qps, service_latency_ms, service_time_cv, arrival_cv)
        target = amount("target_ms", target_ms, "s", named="ms")
        at = share_below("percentile", percentile)
        replicas, stable = traffic.replicas_for(target, 1 - at, slots), traffic.stable_replicas(slots)
        notes = traffic.notes()
        if slots > 1:
            notes += ("every slot counts as one server, whose service time does not depend on how many are in use",)
        if replicas is None:
            notes += (f"no number of replicas meets the target: {traffic.refusal(at)}",)
            found = dict.fromkeys(["limited_by", "reached_latency", "mean_latency", "queue_utilization"])
        else:
            queue = traffic.queue(replicas * slots)
            wait = queueing.mean_wait.plain(queue.waiting, queue.conditional)
            found = {
                "limited_by": "Stability" if replicas == stable else "Tail",
                "reached_latency": queue.percentile(at),
                "mean_latency": queueing.mean_sojourn.plain(wait, traffic.service.mean),
                "queue_utilization": queue.utilization,
            }
        return ServingCapacityResult(
            **found,
            feasible=replicas is not None,
            replicas=replicas,
            target_latency=target,
            percentile=at,
            stable_replicas=stable,
            service_percentile=traffic.service_percentile(at),
            arrival_rate=traffic.arrival_rate,
            service_latency=traffic.service.mean,
            slots_per_replica=slots,
            service_time_cv=traffic.service.cv,
            arrival_cv=traffic.arrival_cv,
            notes=notes,
        )
