"""A system and its task, written down once: from Python or YAML, checked on every name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pint
import yaml

from mlsysim.core.assertions import Assertion, quantity
from mlsysim.core.signatures import alternatives, inputs_of, solvers
from mlsysim.errors import InputError, InputTypeError, shown, unknown
from mlsysim.hardware.registry import Hardware
from mlsysim.hardware.types import HardwareNode
from mlsysim.infra.registry import Infra
from mlsysim.infra.types import Datacenter, GridProfile
from mlsysim.models.registry import Models
from mlsysim.models.types import Workload
from mlsysim.records import Record
from mlsysim.systems.registry import Systems
from mlsysim.systems.types import Fleet, NetworkFabric, Node

_ENTRIES: dict[type, Any] = {
    Workload: Models,
    HardwareNode: Hardware,
    Fleet: Systems.Clusters,
    Node: Systems.Nodes,
    NetworkFabric: Systems.Fabrics,
    GridProfile: Infra.Grids,
    Datacenter: Infra.Datacenters,
}
_NARROWED = {
    "hardware": (HardwareNode,),
    "region": (GridProfile,),
    "grid": (GridProfile,),
    "datacenter": (Datacenter, GridProfile),
}


class Scenario:
    """What is asked of a system: the inputs of solvers under their own names, a region, and claims to be checked.

    Records may be given as objects or by name; figures as quantities, or as text such as ``"40 GB/s"``.

    Parameters
    ----------
    name
        What it is called.
    assertions
        Claims about the results, such as ``"latency < 50 ms"``.
    **inputs
        `model`, `hardware` or `fleet`, and any other argument of a solver: ``batch_size=64``. Also `region`, the grid
        that feeds the fleet in place of its own.

    Raises
    ------
    UnknownName
        For a misspelt input or record, with the nearest name.
    InputTypeError, InputError
        For a value of the wrong kind, a figure whose unit does not exist, and an assertion that cannot be read.

    Examples
    --------
    >>> scenario = Scenario("chat", model="Llama3_8B", hardware="H100", assertions=["latency < 50 ms"])
    >>> scenario.inputs["hardware"].name
    'NVIDIA H100 SXM5 80GB'
    >>> Scenario("chat", model="Llama3_8B", hardwear="H100")
    Traceback (most recent call last):
    mlsysim.errors.UnknownName: unknown input of a scenario 'hardwear'; did you mean 'hardware'? Allowed: ...
    """

    def __init__(self, name: str = "Scenario", *, assertions: Iterable[str] = (), **inputs: Any) -> None:
        if not isinstance(name, str):
            raise InputTypeError(f"name must be text; got {shown(name)}")
        if isinstance(assertions, str) or not isinstance(assertions, Iterable):
            raise InputTypeError(
                f"assertions must be a list of texts such as 'latency < 50 ms'; got {shown(assertions)}"
            )
        self.name = name
        self.assertions = tuple(Assertion.parse(one) for one in assertions)
        given = {key: read_input(key, value) for key, value in inputs.items() if value is not None}
        if not {"model", "compute_budget"} & set(given):
            raise InputError("a scenario needs a model, or a compute_budget that finds one")
        if not {"hardware", "fleet"} & set(given):
            raise InputError("a scenario needs hardware, a device, or a fleet")
        if region := given.pop("region", None):
            if "fleet" not in given:
                raise InputError("region is the grid that feeds a fleet: give fleet too")
            given["fleet"] = given["fleet"].model_copy(update={"region": region})
        self.inputs: Mapping[str, Any] = MappingProxyType(given)
        self._written = {key: _written(key, value) for key, value in inputs.items() if value is not None}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Scenario:
        """Return the scenario of a mapping, whose key ``assert`` has the claims.

        Raises
        ------
        InputTypeError, InputError, UnknownName
            As the class does, and if it is no mapping.
        """
        if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
            raise InputTypeError(
                f"a scenario must be a mapping with a model and a fleet or hardware; got {shown(given)}"
            )
        return cls(**{_spelled(key): value for key, value in given.items()})

    @classmethod
    def from_yaml(cls, source: str | Path) -> Scenario:
        """Return the scenario of a YAML file.

        Raises
        ------
        InputError, InputTypeError, UnknownName
            If the file cannot be read, is no YAML, or as `from_dict`.
        """
        try:
            given = yaml.load(Path(source).read_text("utf-8"), Loader=yaml.CSafeLoader)
        except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
            raise InputError(f"{source} cannot be read as YAML: {error}") from error
        return cls.from_dict({"name": Path(source).stem} | given if isinstance(given, dict) else given)

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` reads: names of records, and figures as text.

        Raises
        ------
        InputError
            If a record is of your own, and so has no name to be found by.
        """
        for key, value in self._written.items():
            if isinstance(value, Record):
                raise InputError(f"{key}, {value.name}, is a record of your own: only records of ours can be written")
        claims = {"assert": [one.text for one in self.assertions]} if self.assertions else {}
        return {"name": self.name, **self._written, **claims}

    def to_yaml(self) -> str:
        """Return the YAML that `from_yaml` reads from a file."""
        return yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scenario) and (self.name, self._written, self.assertions) == (
            other.name,
            other._written,
            other.assertions,
        )

    __hash__ = None

    def __repr__(self) -> str:
        return f"Scenario({self.name!r}, {', '.join(f'{key}={value!r}' for key, value in self._written.items())})"


@cache
def _kinds() -> dict[str, tuple[Any, ...]]:
    """The types that each input may have, over all solvers."""
    found: dict[str, dict[Any, None]] = {}
    for solver in solvers().values():
        for one in inputs_of(solver).values():
            found.setdefault(one.name, {}).update(dict.fromkeys(alternatives(one.kind)))
    return {name: tuple(kinds) for name, kinds in found.items()} | _NARROWED


def _spelled(key: str) -> str:
    return "assertions" if key == "assert" else key


def read_input(key: str, value: Any) -> Any:
    """Return the value of an input of some solver as a file or a command line has it: a name, a number, a text.

    Raises
    ------
    UnknownName, InputTypeError, InputError
        For an input or a record that there is not, and for a value of another kind.

    Examples
    --------
    >>> print(read_input("sla_latency_ms", "50 ms"), read_input("hardware", "H100").name)
    50.0 ms NVIDIA H100 SXM5 80GB
    """
    if key not in _kinds():
        raise unknown("input of a scenario", key, ["name", "assert", *_kinds()])
    kinds = _kinds()[key]
    if records := tuple(kind for kind in kinds if kind in _ENTRIES):
        return _record(key, value, records)
    if isinstance(value, pint.Quantity):
        return value
    if isinstance(value, str) and Any in kinds and value.strip()[:1] in set("0123456789.+-"):
        try:
            return quantity(value)
        except InputError as error:
            raise InputError(f"{key}: {error}") from None
    if isinstance(value, list):
        return tuple(value)
    return _scalar(key, value, kinds)


def _scalar(key: str, value: Any, kinds: tuple[Any, ...]) -> Any:
    plain = {kind for kind in kinds if kind in (int, float, str, bool)}
    fits = type(value) in plain or (float in plain and type(value) is int)
    if Any not in kinds and plain and not fits:
        names = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
        raise InputTypeError(
            f"{key} must be {' or '.join(names[kind] for kind in names if kind in plain)}; got {shown(value)}"
        )
    return value


def _record(key: str, value: Any, kinds: tuple[type, ...]) -> Any:
    if isinstance(value, kinds):
        return value
    catalogs = [_ENTRIES[kind] for kind in kinds]
    if not isinstance(value, str):
        raise InputTypeError(f"{key} must be the name of a record, such as {catalogs[0].names[0]}; got {shown(value)}")
    for catalog in catalogs:
        if value in catalog:
            return catalog[value]
    raise unknown(key, value, [name for catalog in catalogs for name in catalog.names])


def _written(key: str, value: Any) -> Any:
    """A value as a file has it: the name of a record, a quantity as text; a record of one's own as it is."""
    if isinstance(value, pint.Quantity):
        return f"{value.magnitude!r} {value.units:~C}"
    if isinstance(value, Record):
        for kind, catalog in _ENTRIES.items():
            if isinstance(value, kind):
                return next((name for name in catalog.names if catalog[name] is value), value)
    return list(value) if isinstance(value, tuple) else value


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a scenario's file, with which an editor checks and completes it.

    Examples
    --------
    >>> json_schema()["properties"]["batch_size"]
    {'type': ['integer']}
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "assert": {"type": "array", "items": {"type": "string"}},
            **{key: _schema(kinds) for key, kinds in _kinds().items()},
        },
        "anyOf": [{"required": ["hardware"]}, {"required": ["fleet"]}],
        "additionalProperties": False,
    }


def _schema(kinds: tuple[Any, ...]) -> dict[str, Any]:
    if records := [name for kind in kinds if kind in _ENTRIES for name in _ENTRIES[kind].names]:
        return {"enum": records}
    words = {int: "integer", float: "number", str: "string", bool: "boolean"}
    if Any in kinds:
        return {"type": ["number", "string"], "description": "a number, or a number with its unit"}
    return {"type": [words[kind] for kind in words if kind in kinds]} if set(words) & set(kinds) else {"type": "array"}
