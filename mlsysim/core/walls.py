"""The 22 walls: what can limit a machine-learning system, each with its equation and the solver that resolves it.

The walls stand in six domains, from one device out to the whole system. Each acts on a term of the iron law
of machine-learning systems, which says how long a piece of work takes:

    Time = FLOPs / (N · peak · MFU · scaling efficiency · goodput)

FLOPs is the arithmetic that the model requires; N devices do it, each with a dense peak rate, of which MFU (model
FLOPs utilisation) is used; scaling efficiency is what working together leaves of that, and goodput the share of
the output that counts. A wall that acts on several terms is listed under the one that it acts on most; the two
analysis walls concern the time itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import yaml

from mlsysim.errors import InputTypeError, shown, unknown

Domain: TypeAlias = Literal["node", "data", "algorithm", "fleet", "operations", "analysis"]
TermName: TypeAlias = Literal["time", "flops", "devices", "peak", "mfu", "scaling_efficiency", "goodput"]


@dataclass(frozen=True)
class Term:
    """A term of the iron law.

    Attributes
    ----------
    name
        The name that `Wall.term` uses.
    symbol
        How the term stands in the equation.
    meaning
        What it measures, with its unit in brackets.
    """

    name: TermName
    symbol: str
    meaning: str


@dataclass(frozen=True)
class IronLaw:
    """The equation that every wall acts on.

    Attributes
    ----------
    equation
        The law in one line of plain text.
    latex
        The same for a page.
    terms
        Its terms by name: the time first, then the numerator, then the factors of the denominator.
    """

    equation: str
    latex: str
    terms: Mapping[TermName, Term] = field(hash=False)


@dataclass(frozen=True)
class Wall:
    """One limit on a machine-learning system.

    Attributes
    ----------
    number
        From 1 to 22.
    name
        The name, without the word "wall".
    domain
        One of `DOMAINS`.
    question
        What the wall asks of a system.
    equation
        Its relations in one line of plain text, separated by semicolons.
    latex
        The same relations for a page, without delimiters.
    symbols
        The meaning of each symbol in `equation`, with its unit in brackets at the end; [1] is a plain number.
    solver
        The class that resolves the wall.
    term
        The term of the iron law that it acts on most.
    effect
        How it acts on that term.
    sources
        Keys of `references.bib`.
    """

    number: int
    name: str
    domain: Domain
    question: str
    equation: str
    latex: str
    symbols: Mapping[str, str] = field(hash=False, repr=False)
    solver: str
    term: TermName
    effect: str
    sources: tuple[str, ...]


def _wall(record: dict[str, Any]) -> Wall:
    symbols = MappingProxyType(record.pop("symbols"))
    return Wall(symbols=symbols, sources=tuple(record.pop("sources")), **record)


def _iron_law(record: dict[str, Any]) -> IronLaw:
    terms = {name: Term(name, **term) for name, term in record.pop("terms").items()}
    return IronLaw(terms=MappingProxyType(terms), **record)


def _folded(name: str) -> str:
    return name.casefold().replace("-", " ").replace("_", " ")


_FACTS = yaml.load(
    (Path(__file__).with_name("data") / "walls.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader
)

IRON_LAW: IronLaw = _iron_law(_FACTS["iron_law"])
"""Time = FLOPs / (N · peak · MFU · scaling efficiency · goodput)."""

DOMAINS: Mapping[Domain, str] = MappingProxyType(_FACTS["domains"])
"""The six domains in order, each with what it covers."""

WALLS: tuple[Wall, ...] = tuple(map(_wall, _FACTS["walls"]))
"""All 22 walls in order."""


def wall(number_or_name: int | str) -> Wall:
    """Return a wall by its number or its name.

    Parameters
    ----------
    number_or_name
        A number from 1 to 22, or a name in any case, with spaces, hyphens or underscores.

    Raises
    ------
    UnknownName
        If no wall has that number or name; the message gives the nearest.
    InputTypeError
        If it is neither a whole number nor a string.

    Examples
    --------
    >>> wall(14).name
    'Communication'
    >>> print(wall("tail latency").question)
    How long do the slowest requests wait, not the average ones?
    >>> print(wall("memory").equation)
    T_m = bytes / BW; I_ridge = peak / BW
    """
    if isinstance(number_or_name, str):
        by_name = {_folded(entry.name): entry for entry in WALLS}
        if found := by_name.get(_folded(number_or_name)):
            return found
        raise unknown("wall", number_or_name, (entry.name for entry in WALLS))
    if isinstance(number_or_name, bool) or not hasattr(number_or_name, "__index__"):
        raise InputTypeError(f"a wall is looked up by its number or its name; got {shown(number_or_name)}")
    number = number_or_name.__index__()
    if not 1 <= number <= len(WALLS):
        raise unknown("wall number", number, range(1, len(WALLS) + 1))
    return WALLS[number - 1]


def walls_in_domain(domain: Domain) -> tuple[Wall, ...]:
    """Return the walls of a domain, in order.

    Raises
    ------
    UnknownName
        If there is no such domain.

    Examples
    --------
    >>> [entry.name for entry in walls_in_domain("fleet")]
    ['Communication', 'Fragility', 'Multi-tenant']
    >>> walls_in_domain("operation")
    Traceback (most recent call last):
    mlsysim.errors.UnknownName: unknown domain 'operation'; did you mean 'operations'? Allowed: node, data, algorithm, \
fleet, operations, analysis
    """
    found = tuple(entry for entry in WALLS if entry.domain == domain)
    if not found:
        raise unknown("domain", domain, DOMAINS)
    return found


def walls_for_solver(solver_name: str) -> tuple[Wall, ...]:
    """Return the walls that a solver resolves, in order.

    Raises
    ------
    UnknownName
        If no wall names that solver.

    Examples
    --------
    >>> [entry.name for entry in walls_for_solver("SingleNodeModel")]
    ['Compute', 'Memory']
    """
    found = tuple(entry for entry in WALLS if entry.solver == solver_name)
    if not found:
        raise unknown("solver of a wall", solver_name, dict.fromkeys(entry.solver for entry in WALLS))
    return found
