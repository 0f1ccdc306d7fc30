"""How often the parts of a cluster fail: published counts and rates by cause, and what a fleet makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, NamedTuple, Self

from pydantic import model_validator

from mlsysim.errors import InputError, InputTypeError, shown, unknown
from mlsysim.physics import hops, reliability
from mlsysim.physics.equation import part, unrecorded
from mlsysim.records import Figure, Frozen, FrozenDict, Registry, Sourced, Time, positive_in
from mlsysim.systems.types import Fleet, Number
from mlsysim.tables import html_table, text_table
from mlsysim.units import Q_, pretty, strip

CAUSES = {
    "accelerator": ("Accelerator", "accelerator"),
    "memory": ("Memory of the accelerator", "accelerator"),
    "host": ("Host", "node"),
    "nic": ("Network card", "accelerator"),
    "link": ("Cable of a network card", "accelerator"),
    "switch": ("Switch", "switch"),
    "software": ("Software of a node", "node"),
    "unattributed": ("Not attributed", "node"),
    "job": ("Job as a whole", "job"),
}
"""Each cause with its name, and that of which a rate counts one: there is a network card for each accelerator."""

Frequency = positive_in("1/s")
Tally = positive_in("dimensionless", or_zero=True)


class FailureRecord(Sourced):
    """How often parts of one cluster failed.

    Parameters
    ----------
    name
        The cluster, or what ran on it.
    accelerators_per_node
        Those of a server of the cluster.
    nodes, duration
        The servers that were watched, and for how long [s].
    counts
        Failures of all servers in that time, by cause: a key of `CAUSES`.
    rates
        Instead, the rate of one part [1/s], by cause.
    whole
        Whether all causes together are covered.
    note
        What a reader should know of the record.

    Raises
    ------
    UnknownName, InputError
        For a misspelt field or cause, a missing field, a wrong unit, or counts of nobody knows what.

    Examples
    --------
    >>> FAILURES["bloom_176b"].unit_rates()["accelerator"] * 384 * 7 * 86400
    1.5
    """

    name: str
    accelerators_per_node: Number
    nodes: Number | None = None
    duration: Time | None = None
    counts: Annotated[dict[str, Tally], Frozen] = FrozenDict()
    rates: Annotated[dict[str, Frequency], Frozen] = FrozenDict()
    whole: bool = False
    note: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for cause in (*self.counts, *self.rates):
            if cause not in CAUSES:
                raise unknown("cause of failures", cause, CAUSES)
        if self.counts and (self.nodes is None or self.duration is None):
            raise ValueError("nodes and duration must be given where counts are")
        return self

    def unit_rates(self) -> dict[str, float]:
        """Return the rate of one part [1/s], by cause."""
        found = {}
        for cause, failures in self.counts.items():
            label, scope = CAUSES[cause]
            units = self.nodes * (self.accelerators_per_node if scope == "accelerator" else 1)
            with part(f"{label}, {self.name}"):
                found[cause] = reliability.observed_rate.plain(failures.m, units, self.duration.m_as("s"))
        return found | {cause: float(rate.m_as("1/s")) for cause, rate in self.rates.items()}

    def server_rate(self) -> float:
        """Return the rate of all causes of a server together [1/s], without switches."""
        if self.counts:
            total = sum(failures.m for failures in self.counts.values())
            return reliability.observed_rate.plain(total, self.nodes, self.duration.m_as("s"))
        return sum(self.unit_rates().values())


FAILURES: Registry[FailureRecord] = Registry("failure rates", FailureRecord.from_record, "mlsysim.core", "failures")
"""Published failures, by cluster."""

RECOVERY: Registry[Figure] = Registry("recovery constant", lambda raw: Figure(**raw), "mlsysim.core", "recovery")
"""What stands in where a question about recovery leaves it open, each with its source."""


def standard_restart() -> str:
    """Return what a restart takes where a question does not say, with its source.

    Examples
    --------
    >>> standard_restart()
    '10 min [jiang2024megascale]'
    """
    figure = RECOVERY["restart_time"]
    return f"{figure.text} [{figure.source}]"


class Rates(NamedTuple):
    """The rate of one part [1/s] by cause, the accelerators of a server, and where both come from."""

    by_cause: dict[str, float]
    per_server: int
    source: str
    published: FailureRecord | None

    @classmethod
    def of(cls, rates: Any, fleet: Fleet) -> Rates:
        """Return rates by the name of a record, as a record, or as a mapping from causes to rates."""
        if isinstance(rates, str):
            rates = FAILURES[rates]
        if isinstance(rates, FailureRecord):
            return cls(rates.unit_rates(), rates.accelerators_per_node, rates.name, rates)
        if not isinstance(rates, Mapping):
            raise InputTypeError(
                f"rates must be a name, one of {', '.join(FAILURES.names)}, or rates by cause, such as"
                f" {{'accelerator': 1 / Q_(50_000, 'hour')}}; got {shown(rates)}"
            )
        if not rates:
            raise InputError(f"rates must have at least one cause, of {', '.join(CAUSES)}; got none")
        given = {}
        for cause, rate in rates.items():
            if cause not in CAUSES:
                raise unknown("cause of failures", cause, CAUSES)
            given[cause] = strip(f"rates[{cause!r}]", rate, "1/s", exclusive=True)
            if not isinstance(given[cause], (int, float)):
                raise InputTypeError(f"rates[{cause!r}] must be one quantity, not several; got {shown(rate)}")
        return cls(given, fleet.node.accelerators_per_node, "given", None)

    def causes(self, fleet: Fleet, switches: int | None) -> tuple[dict[str, Any], ...]:
        """Return, for each cause, the parts of the fleet, the rate of one, and that of all of them."""
        devices = fleet.total_accelerators
        parts = {"accelerator": devices, "node": devices / self.per_server, "switch": switches, "job": 1}
        rows = []
        for cause, rate in self.by_cause.items():
            label, scope = CAUSES[cause]
            if parts[scope] is not None:
                with part(label):
                    total = reliability.failure_rate.plain(parts[scope], rate)
                rows.append({"cause": cause, "parts": parts[scope], "rate_of_one": rate, "rate": total})
        return tuple(rows)


class CauseTable:
    """The failures of a job by cause, as a table; `causes` has the numbers by cause, for a plot."""

    HEADERS = ("Cause", "Parts", "MTBF of one", "Expected", "Share")

    def __init__(self, causes: tuple[dict[str, Any], ...]) -> None:
        self.causes = causes

    def rows(self) -> list[list[str]]:
        """The cells, as a reader wants them."""
        total = sum(one["expected"] for one in self.causes)
        return [
            [
                CAUSES[one["cause"]][0],
                pretty(one["parts"], "dimensionless"),
                f"{Q_(1 / one['rate_of_one'], 's').m_as('hour'):,.0f} h",
                f"{one['expected']:.4g}",
                f"{one['expected'] / total:.1%}",
            ]
            for one in self.causes
        ]

    def __str__(self) -> str:
        return text_table(self.HEADERS, self.rows(), "<>>>>")

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(self.HEADERS, self.rows(), "<>>>>")


def switches_of(fleet: Fleet) -> int | None:
    """Return the switches of a full fat tree over all network cards; None where the nodes have no switched network.

    Examples
    --------
    The four scalable units of a DGX SuperPOD, on 32 leaf and 16 spine switches:

    >>> from mlsysim import Systems
    >>> switches_of(Systems.Clusters.Research_256.model_copy(update={"count": 128}))
    48
    """
    fabric, node = fleet.fabric, fleet.node
    if fleet.count == 1:
        return 0
    if fabric is None or (
        fabric.topology is not None and "tree" not in fabric.topology and "rail" not in fabric.topology
    ):
        return None
    ports = int(RECOVERY["switch_ports"].value)
    ends = fleet.count * (node.nics or node.accelerators_per_node)
    if ends <= ports:
        return 1
    with part("Switches"):
        leaves = hops.switches_for.plain(ends, ports // 2)
        uplinks, cores = leaves * (ports // 2), 0
        if ends <= ports * ports // 2:
            spines = hops.switches_for.plain(uplinks, ports)
        else:
            spines, cores = hops.switches_for.plain(uplinks, ports // 2), hops.switches_for.plain(uplinks, ports)
        return hops.tree_switches.plain(leaves, spines, cores)


@cache
def spread() -> tuple[FailureRecord, FailureRecord]:
    """Return the records with the fewest and the most failures of a server, of those that cover all causes.

    Examples
    --------
    >>> [record.name for record in spread()]
    ['Meta Research SuperCluster, RSC-2', 'Meta, training of OPT-175B']
    """
    with unrecorded():
        ordered = sorted(
            (one for one in FAILURES if one.whole), key=lambda one: one.server_rate() / one.accelerators_per_node
        )
    return ordered[0], ordered[-1]
