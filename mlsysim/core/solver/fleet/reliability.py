"""How often a fleet fails, how often to save a job on it, and what is left of its time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlsysim.core.result import Field, Result
from mlsysim.core.solver.base import Solver
from mlsysim.core.solver.fleet.failures import (
    CAUSES,
    RECOVERY,
    CauseTable,
    Rates,
    spread,
    standard_restart,
    switches_of,
)
from mlsysim.core.solver.fleet.inputs import Span, check_fleet
from mlsysim.errors import InputError, positive_integer
from mlsysim.physics import goodput, reliability
from mlsysim.physics.equation import part
from mlsysim.systems.types import Fleet
from mlsysim.units import amount


class ReliabilityResult(Result):
    """How often a job on a fleet is stopped, how often to save it, and what share of its time is left."""

    fleet = Field("Fleet", kind=str)
    accelerators = Field("Accelerators", kind=int)
    fleet_mtbf = Span("Mean time between failures", "s", "hour")
    failure_probability = Field("Probability of a failure", kind=float)
    expected_failures = Field("Failures expected", kind=float)
    expected_failures_low = Field("  by the lowest published rate", optional=True, kind=float)
    expected_failures_high = Field("  by the highest published rate", optional=True, kind=float)
    causes = Field("Failures by cause", hidden=True, kind=tuple[dict[str, Any], ...])
    optimal_checkpoint_interval = Span("Best time between checkpoints (Young)", "s", "min")
    daly_interval = Span("  to higher order (Daly)", "s", "min")
    checkpoint_interval = Span("Time between checkpoints", "s", "min")
    feasible = Field("The job gets on", kind=bool)
    goodput = Field("Share of the time in which it gets on", kind=float | None)
    goodput_daly = Field("  by Daly's complete model", kind=float)
    waste = Field("Share of the time lost", kind=float | None)
    checkpoint_overhead = Field("  saving checkpoints", kind=float)
    rework_overhead = Field("  work done again", kind=float)
    restart_overhead = Field("  restarts", kind=float)
    useful_time = Span("Time in which it gets on", "s", "hour", kind=float | None)
    lost_time = Span("Time lost", "s", "hour", kind=float | None)
    job_duration = Span("Length of the job", "s", "hour")
    checkpoint_time = Span("Standstill for a checkpoint", "s", "s")
    restart_time = Span("Restart", "s", "s")
    switches = Field("Switches", optional=True, kind=int)
    rates_source = Field("Failure rates", kind=str)
    notes = Field("Notes", kind=tuple[str, ...])

    def by_cause(self) -> CauseTable:
        """Return the failures of the job by cause, as a table.

        Examples
        --------
        >>> from mlsysim import ReliabilityModel, Systems
        >>> result = ReliabilityModel().solve(Systems.Clusters.Llama3_16K, 54 * 24, 60, rates="llama3_405b")
        >>> result.by_cause().rows()[0]
        ['Accelerator', '16,384', '119,964 h', '177', '42.2%']
        """
        return CauseTable(self.plain["causes"])


class ReliabilityModel(Solver):
    """Wall 15: the rates of all parts add up, so that the time between failures of a fleet falls as 1/N.

    M = MTBF / N; P = 1 - e^(-T/M). By default the rates by cause are those of 400 servers of StepFun in 348 days, with
    Alibaba's for switches; on the fleet and in the 54 days of Llama 3 they give 460 failures, where 419 were counted.
    The lowest and the highest published rate of a server differ by a factor of 6, which the result gives as a range.

    Examples
    --------
    >>> from mlsysim import ReliabilityModel, Systems
    >>> result = ReliabilityModel().solve(Systems.Clusters.Llama3_16K, job_duration_hours=54 * 24, checkpoint_time_s=60)
    >>> f"{result.expected_failures:.0f}", f"{result.fleet_mtbf:.1f}", f"{result.optimal_checkpoint_interval:.0f}"
    ('460', '2.8 h', '18 min')
    """

    def solve(
        self,
        fleet: Fleet,
        job_duration_hours: Any,
        checkpoint_time_s: Any,
        *,
        restart_time_s: Any = None,
        checkpoint_interval_minutes: Any = None,
        rates: Any = "stepfun",
        switches: int | None = None,
    ) -> ReliabilityResult:
        """Return the time between failures, the failures of a job by cause, the best interval, and the goodput.

        Parameters
        ----------
        fleet
            An entry of `Systems.Clusters` or one of your own, all of which the job uses.
        job_duration_hours
            T, length of the job with all that it loses; hours or a quantity.
        checkpoint_time_s
            δ, time for which training stands still to save a checkpoint; seconds or a quantity. `CheckpointModel`
            computes it.
        restart_time_s
            R, time from a failure until training goes on from the last checkpoint; seconds or a quantity. Left out, 10
            minutes [jiang2024megascale].
        checkpoint_interval_minutes
            τ, time of training between two checkpoints; minutes or a quantity. Left out, that of Young.
        rates
            The name of published rates (``stepfun``, ``llama3_405b``, ``rsc_1``, ``rsc_2``, ``opt_175b``,
            ``bloom_176b``), a `FailureRecord`, or the rate of one part by cause [1/s], such as
            ``{"accelerator": 1 / Q_(50_000, "hour")}``: accelerator, memory, nic and link for each accelerator; host,
            software and unattributed for each node; switch for each switch; job for the job as a whole.
        switches
            Switches of the network. Left out, those of a full fat tree of 64-port switches over all network cards,
            where the fabric is a tree.

        Returns
        -------
        ReliabilityResult
            Also if more time is lost than there is: then `feasible` is False, and there is no goodput.

        Raises
        ------
        InputError, InputTypeError, UnitError, UnknownName
            For an argument of the wrong kind or an impossible value; the message names it and what is allowed.
        """
        check_fleet(fleet)
        duration = amount("job_duration_hours", job_duration_hours, "s", named="hour")
        checkpoint = amount("checkpoint_time_s", checkpoint_time_s, "s", named="s")
        standard = RECOVERY["restart_time"].quantity
        pause = standard if restart_time_s is None else restart_time_s
        restart = amount("restart_time_s", pause, "s", named="s", zero=True)
        known = Rates.of(rates, fleet)
        number = None if switches is None else positive_integer("switches", switches)
        if number is None and "switch" in known.by_cause:
            number = switches_of(fleet)
        causes = known.causes(fleet, number)
        total = sum(one["rate"] for one in causes)
        if not total:
            raise InputError(
                "rates must have a cause that the fleet has parts of; switches= gives the number of switches"
            )
        mtbf = reliability.mean_time_between_failures.plain(total)
        for one in causes:
            with part(CAUSES[one["cause"]][0]):
                one["expected"] = reliability.expected_failures.plain(one["rate"], duration)
        young = reliability.young_interval.plain(checkpoint, mtbf)
        daly = reliability.daly_interval.plain(checkpoint, mtbf) if checkpoint < 2 * mtbf else mtbf
        interval = young
        if checkpoint_interval_minutes is not None:
            interval = amount("checkpoint_interval_minutes", checkpoint_interval_minutes, "s", named="min")
        return ReliabilityResult(
            fleet=fleet.name,
            accelerators=fleet.total_accelerators,
            fleet_mtbf=mtbf,
            failure_probability=reliability.failure_probability.plain(duration, mtbf),
            expected_failures=reliability.expected_failures.plain(total, duration),
            **_range(known, fleet, duration),
            causes=causes,
            optimal_checkpoint_interval=young,
            daly_interval=daly,
            checkpoint_interval=interval,
            **_losses(interval, checkpoint, restart, mtbf, duration),
            job_duration=duration,
            checkpoint_time=checkpoint,
            restart_time=restart,
            switches=number,
            rates_source=known.source,
            notes=tuple(_notes(known, fleet, number, restart_time_s is None, checkpoint, mtbf)),
        )


def _range(known: Rates, fleet: Fleet, duration: float) -> dict[str, float | None]:
    """The failures of the job by the lowest and the highest published rate of a server; None for rates of one's own."""
    found: dict[str, float | None] = {}
    for name, published in zip(("expected_failures_low", "expected_failures_high"), spread(), strict=True):
        found[name] = None
        if known.published is not None:
            with part(published.name):
                servers = fleet.total_accelerators / published.accelerators_per_node
                rate = reliability.failure_rate.plain(servers, published.server_rate())
                found[name] = reliability.expected_failures.plain(rate, duration)
    return found


def _losses(interval: float, checkpoint: float, restart: float, mtbf: float, duration: float) -> dict[str, Any]:
    """What a job loses, by term, and what is left of its time."""
    saving = goodput.checkpoint_overhead.plain(checkpoint, interval)
    rework = goodput.rework_overhead.plain(interval, mtbf)
    restarts = goodput.restart_overhead.plain(restart, mtbf)
    lost = goodput.waste.plain(saving, rework, restarts)
    feasible = lost < 1
    share = goodput.goodput.plain(lost) if feasible else None
    return {
        "feasible": feasible,
        "goodput": share,
        "goodput_daly": goodput.daly_goodput.plain(interval, checkpoint, restart, mtbf),
        "waste": lost if feasible else None,
        "checkpoint_overhead": saving,
        "rework_overhead": rework,
        "restart_overhead": restarts,
        "useful_time": goodput.useful_time.plain(share, duration) if feasible else None,
        "lost_time": goodput.lost_time.plain(lost, duration) if feasible else None,
    }


def _notes(
    known: Rates, fleet: Fleet, switches: int | None, restart_open: bool, checkpoint: float, mtbf: float
) -> Iterator[str]:
    yield "failures are independent, at constant rates, and each stops the job"
    if known.published is not None and known.published.note:
        yield known.published.note.rstrip(".")
    if set(known.by_cause) == {"unattributed"}:
        yield "the source gives no rates by cause"
    elif missing := [name for cause, (name, _) in CAUSES.items() if cause not in known.by_cause and cause != "job"]:
        yield f"no rate of its own, so not counted apart: {', '.join(missing)}"
    if "switch" in known.by_cause and switches is None:
        yield "switches are not counted: the fleet has no fabric that is a tree; switches= gives their number"
    if known.published is not None and fleet.node.accelerators_per_node != known.per_server:
        yield (
            f"rates of a server are those of one with {known.per_server} accelerators, in proportion for nodes of"
            f" {fleet.node.accelerators_per_node}"
        )
    if restart_open:
        yield f"a restart takes {standard_restart()}; restart_time_s= gives another time"
    if checkpoint > mtbf / 10:
        yield "a checkpoint takes more than a tenth of the time between failures: Young's interval is too rough here"
