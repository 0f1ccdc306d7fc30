"""Results: frozen, plain numbers inside, quantities when a field is read; they print, serialise, explain themselves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property, partial
from inspect import signature
from types import MappingProxyType
from typing import Any, ClassVar, Self

from mlsysim.core.bands import COVERAGE, Band, Judged, band
from mlsysim.core.derivation import Derivation
from mlsysim.errors import unknown
from mlsysim.physics.equation import record, unrecorded
from mlsysim.tables import html_table, markdown_table, text_table
from mlsysim.units import Quantity, pretty, unit


def object_schema(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of an object that has just these properties."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def schema_of(kind: Any) -> dict[str, Any]:
    """Return the JSON Schema of a type, or of a table by the types of its columns.

    Examples
    --------
    >>> schema_of(Rows(name=str))["items"]["properties"]
    {'name': {'type': 'string'}}
    """
    if isinstance(kind, Rows):
        return {"type": "array", "items": object_schema({name: schema_of(one) for name, one in kind.items()})}
    return dict(_schema_of_type(Any if kind is None else kind))


@cache
def _schema_of_type(kind: Any) -> dict[str, Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind).json_schema()


class Rows(dict[str, Any]):
    """The type of a table that a result has as a field: the type of each column by its name."""


class Field:
    """A field of a result: stored as a plain number in `stored`, read as a quantity in `shown`.

    Without a unit the value is handed out as it is: a fraction, a name, a flag. An `optional` field is left out of
    tables where the question does not ask for it, a `hidden` one always: it has a table of its own. `kind` is the type
    of what is stored, by default a number where there is a unit; an `optional` field may also be None.
    """

    def __init__(
        self,
        label: str,
        stored: str | None = None,
        shown: str | None = None,
        *,
        optional: bool = False,
        hidden: bool = False,
        kind: Any = None,
    ) -> None:
        self.label, self.stored, self.shown = label, stored, shown or stored
        self.optional, self.hidden = optional, hidden
        self.kind = float if kind is None and stored is not None else kind

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @cached_property
    def _factor(self) -> float:
        return Quantity(1.0, self.stored).m_as(self.shown)

    def __get__(self, result: Result | None, owner: type) -> Any:
        if result is None:
            return self
        value = result.plain[self.name]
        if self.stored is None or value is None:
            return value
        return Quantity(value * self._factor, unit(self.shown))

    def text(self, value: Any) -> str:
        """Return a stored value as a reader wants it: with a prefix that fits, four digits, the unit."""
        if value is None:
            return "not recorded"
        if self.stored is not None:
            return pretty(value, self.stored)
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, tuple):
            return "; ".join(value)
        return f"{value:.3g}" if isinstance(value, float) else str(value)

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of what is stored, with the label and the unit as its description."""
        schema = schema_of(self.kind | None if self.optional and self.kind is not None else self.kind)
        unit_told = f" [{self.stored}]" if self.stored else ""
        return schema | {"description": f"{self.label.strip()}{unit_told}"}


class Later(partial):
    """The value of a field that few readers want: worked out when it is first read, and no part of a derivation."""


class Values(Mapping[str, Any]):
    """The stored values of a result, by the names of its fields and in their order; cannot be changed."""

    __slots__ = ("_names", "_values")

    def __init__(self, names: Mapping[str, Field], values: dict[str, Any]) -> None:
        self._names, self._values = names, values

    def __getitem__(self, name: str) -> Any:
        value = self._values[name]
        if type(value) is Later:
            with unrecorded():
                value = self._values[name] = value()
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return repr(dict(self))


_BAND: dict[str, Any] = {
    "low": {"type": ["number", "null"], "description": "Lower end of the band, in the unit of its figure"},
    "high": {"type": ["number", "null"], "description": "Upper end of the band, in the unit of its figure"},
    "calibrated": {"type": "boolean", "description": "Whether published results judge such answers"},
    "not_modeled": {"type": "array", "items": {"type": "string"}, "description": "What the answer leaves out"},
    "band": {
        "anyOf": [
            object_schema(
                {"coverage": {"const": COVERAGE}}
                | {name: {"type": "string"} for name in ("figure", "domain", "level", "regime")}
                | {name: {"type": "integer", "minimum": 0} for name in ("records", "sources")}
            ),
            {"type": "null"},
        ]
    },
}


class Result:
    """What a solver answers. Frozen; `plain` has the numbers, the attributes wrap them.

    Parameters
    ----------
    question
        Asks the same question again, for `explain`; a `Solver` sees to it.
    **values
        One for each field of the class, in the unit in which it is stored, or a `Later`.
    """

    __slots__ = ("_question", "plain")

    _fields: ClassVar[Mapping[str, Field]] = MappingProxyType({})
    judged_by: ClassVar[Callable[[Mapping[str, Any], Mapping[str, Any]], Judged] | None] = None
    """Says, from the values and the inputs of the question, by which published results the main figure is judged."""
    plain: Mapping[str, Any]

    def __init__(self, question: Callable[[], Any] | None = None, **values: Any) -> None:
        self._hold(values, question)

    @classmethod
    def of(cls, values: dict[str, Any]) -> Self:
        """Return the result that has these values, as calling the class with them does; the dictionary is kept."""
        result = cls.__new__(cls)
        result._hold(values, None)
        return result

    def _hold(self, values: dict[str, Any], question: Callable[[], Any] | None) -> None:
        if len(values) != len(self._fields):
            odd = ", ".join(sorted(values.keys() ^ self._fields.keys()))
            raise TypeError(f"{type(self).__name__} needs a value for each of its fields, and no other: {odd}")
        object.__setattr__(self, "_question", question)
        object.__setattr__(self, "plain", Values(self._fields, values))

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        found = {name: field for name, field in vars(cls).items() if isinstance(field, Field)}
        cls._fields = MappingProxyType({**cls._fields, **found})

    @classmethod
    def fields(cls) -> Mapping[str, Field]:
        """The fields by name, in the order of the class."""
        return cls._fields

    def __setattr__(self, name: str, value: Any = None) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: {name} cannot be changed")

    __delattr__ = __setattr__

    def __getattr__(self, name: str) -> Any:
        raise unknown(f"field of {type(self).__name__}", name, self.fields())

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.plain == other.plain

    __hash__ = None

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), self._question, **self.plain), ()

    def asked_by(self, question: Callable[[], Any]) -> Result:
        """Return this result with the question that it answers, where it has none yet."""
        if self._question is None:
            object.__setattr__(self, "_question", question)
        return self

    def asked(self) -> dict[str, Any]:
        """Return the inputs of the question by name, as they were given; of a result without one, nothing.

        Examples
        --------
        >>> from mlsysim import Engine, Hardware, Models
        >>> list(Engine.solve(Models.ResNet50, Hardware.A100, efficiency=0.5).asked())
        ['model', 'hardware', 'efficiency']
        """
        question = self._question
        if not isinstance(question, partial):
            return {}
        return signature(question.func).bind_partial(*question.args, **question.keywords).arguments

    @property
    def band(self) -> Band | None:
        """How far off the main figure may be, by published results; None where none judge it.

        Examples
        --------
        >>> from mlsysim import Engine, Hardware, Models
        >>> profile = Engine.solve(Models.Llama3_8B, Hardware.H100, fidelity="operator")
        >>> profile.band.figure, profile.low < profile.latency < profile.high, profile.calibrated
        ('latency', True, True)
        """
        judge, asked = type(self).judged_by, self.asked()
        if judge is None or not asked:
            return None
        judged = judge(self.plain, asked)
        predicted = self.plain[judged.figure]
        return None if predicted is None else band(judged, predicted)

    @property
    def low(self) -> Any:
        """The lower end of the band of the main figure, or None."""
        return self._end("low")

    @property
    def high(self) -> Any:
        """The upper end of the band of the main figure, or None."""
        return self._end("high")

    def _end(self, name: str) -> Any:
        found = self.band
        if found is None:
            return None
        field = self.fields()[found.figure]
        return Quantity(getattr(found, name), field.stored).to(field.shown)

    @property
    def calibrated(self) -> bool:
        """Whether published results judge answers of this kind on devices whose kernels were timed."""
        return self.band is not None and self.band.calibrated

    @property
    def not_modeled(self) -> tuple[str, ...]:
        """What the answer leaves out, as far as published results show it."""
        return () if self.band is None else self.band.not_modeled

    def rows(self) -> Iterator[tuple[str, str]]:
        """The label and the value of each field that has something to say, as a reader wants them."""
        found = self.band
        for name, field in self.fields().items():
            value = self.plain[name]
            if value != () and not field.hidden and not (field.optional and value is None):
                yield field.label, field.text(value)
            if found is not None and name == found.figure:
                yield f"  {COVERAGE:.0%} band", f"{field.text(found.low)} to {field.text(found.high)}"
        if found is not None:
            yield "Calibrated", "yes" if found.calibrated else "no"
            yield "Not modelled", "; ".join(found.not_modeled)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields for a program: plain numbers, with the unit of each in its key's place under ``"units"``.

        ``"low"`` and ``"high"`` are the ends of the band of the figure that ``"band"`` names, in its unit.

        Examples
        --------
        >>> from mlsysim import Engine, Hardware, Models
        >>> Engine.solve(Models.ResNet50, Hardware.A100).to_dict()["units"]["latency"]
        's'
        """
        units = {name: field.stored for name, field in self.fields().items() if field.stored}
        return {"result": type(self).__name__, **self.plain, **self._judgement(), "units": units}

    def _judgement(self) -> dict[str, Any]:
        found = self.band
        ends = {"low": None, "high": None} if found is None else {"low": found.low, "high": found.high}
        kept = () if found is None else found.not_modeled
        calibrated = found is not None and found.calibrated
        rests_on = None if found is None else found.to_dict()
        return {**ends, "calibrated": calibrated, "not_modeled": list(kept), "band": rests_on}

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of `to_dict`, read from the fields: their types, their units, which may be null.

        Examples
        --------
        >>> from mlsysim.core.solver.node.single import PerformanceProfile
        >>> PerformanceProfile.json_schema()["properties"]["latency"]
        {'type': 'number', 'description': 'Latency [s]'}
        """
        units = {name: {"const": field.stored} for name, field in cls.fields().items() if field.stored}
        return object_schema(
            {
                "result": {"const": cls.__name__},
                **{name: field.json_schema() for name, field in cls.fields().items()},
                **_BAND,
                "units": object_schema(units),
            }
        )

    def to_json(self, indent: int | None = 2) -> str:
        """Return `to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, default=list)

    def to_markdown(self) -> str:
        """Return the fields as a Markdown table."""
        return markdown_table(["Figure", "Value"], list(self.rows()))

    def explain(self) -> Derivation:
        """Return the derivation: each equation with the numbers put in, and its source.

        The question is asked again while each equation that is evaluated is noted: what is shown is what was computed.

        Examples
        --------
        >>> from mlsysim import Engine, Hardware, Models
        >>> print(Engine.solve(Models.ResNet50, Hardware.A100, efficiency=0.5).explain())
        Batch FLOPs  [howard2017mobilenets]
            F = B·F_1
              = 1·8.178 GFLOP = 8.178 GFLOP
        ...
        """
        with record() as steps:
            self._question()
        return Derivation(steps)

    def __repr__(self) -> str:
        fields = self.fields().items()
        named = {name: field for name, field in fields if not field.hidden and not field.label.startswith(" ")}
        shown = [f"{name}={field.text(self.plain[name])}" for name, field in list(named.items())[:8]]
        return f"{type(self).__name__}({', '.join(shown)}, ...)"

    def __str__(self) -> str:
        return text_table(["Figure", "Value"], list(self.rows()))

    def _repr_html_(self) -> str:
        return html_table(["Figure", "Value"], list(self.rows()))
