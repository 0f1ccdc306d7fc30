"""Records: facts from YAML, each figure with its source, validated when first touched and frozen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from importlib import resources
from numbers import Real
from typing import Annotated, Any, Generic, Self, TypeVar

import pint
import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
)

from mlsysim.errors import InputError, InputTypeError, UnknownName, shown, unknown
from mlsysim.units import Quantity, strip

T = TypeVar("T")


def positive_in(unit: str, or_zero: bool = False) -> Any:
    """Return the type of a field that holds a positive quantity in `unit`; text such as ``"3.35 TB/s"`` is read."""

    def read(value: Any) -> Any:
        if isinstance(value, str):
            try:
                value = Quantity(value)
            except (pint.UndefinedUnitError, pint.DefinitionSyntaxError, ValueError) as error:
                raise ValueError(f"cannot be read as a quantity in {unit}: {error}") from error
        try:
            plain = strip("it", value, unit, exclusive=not or_zero)
        except InputTypeError as error:
            raise ValueError(str(error)) from error
        if not isinstance(plain, Real):
            raise ValueError(f"it must be one quantity in {unit}, not an array")
        return value

    return Annotated[
        InstanceOf[pint.Quantity],
        BeforeValidator(read),
        PlainSerializer(lambda quantity: f"{quantity:~}", return_type=str, when_used="json"),
        WithJsonSchema({"type": "string", "description": f"a quantity in {unit}"}),
    ]


Rate = positive_in("flop/s")
Size = positive_in("byte")
Bandwidth = positive_in("byte/s")
Power = positive_in("W")
Time = positive_in("s")
TimeOrZero = positive_in("s", or_zero=True)
CarbonIntensity = positive_in("gCO2e/kWh")
Emission = positive_in("gCO2e")
Money = positive_in("dollar")
EnergyPrice = positive_in("dollar/kWh")
WaterIntensity = positive_in("liter/kWh")
Count = Annotated[int, Field(ge=1, strict=True)]


class FrozenDict(dict[str, T]):
    """A dictionary that cannot be changed, for the fields of a record.

    Examples
    --------
    >>> FrozenDict(fp16=0.8)["fp16"] = 0.9
    Traceback (most recent call last):
    TypeError: the facts of a record are frozen
    """

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("the facts of a record are frozen")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)


Frozen = AfterValidator(FrozenDict)


class Record(BaseModel):
    """A frozen set of named facts. Unknown fields are refused, with the nearest name."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise _readable(type(self), error) from None


class RecordError(InputError):
    """A field of a record is missing or holds what it may not."""


def _readable(record: type[Record], error: ValidationError) -> Exception:
    errors = error.errors()
    first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, RecordError | UnknownName):
        return cause
    place = ".".join([record.__name__, *(str(part) for part in first["loc"])])
    if first["type"] == "extra_forbidden":
        return unknown(f"field of {record.__name__}", first["loc"][-1], record.model_fields)
    if first["type"] == "missing":
        return RecordError(f"{place} is missing; {record.__name__} has the fields {', '.join(record.model_fields)}")
    said = f"{place}: {first['msg'].removeprefix('Value error, ')}"
    return RecordError(said if "; got " in said else f"{said}; got {shown(first['input'])}")


class Figure(Record):
    """Where one figure of a record comes from.

    Parameters
    ----------
    value, unit
        The figure itself.
    source
        A key of ``references.bib``, or the address of a page.
    condition
        Under which it holds: dense, per direction, life cycle.
    quoted
        The words of the vendor, where ours differ.
    date
        The day, month or year for which it holds, where it changes: a price, a grid.
    note
        Which of several sources was taken and why, where they disagree.
    """

    value: float
    unit: str
    source: str
    condition: str | None = None
    quoted: str | None = None
    date: str | None = None
    note: str | None = None

    @property
    def quantity(self) -> Any:
        """The figure as a quantity."""
        return Quantity(self.value, self.unit)


def split_figures(raw: Any, path: str = "") -> tuple[Any, dict[str, Figure]]:
    """Return a raw record with each figure replaced by its quantity, and the figures by their dotted path.

    Examples
    --------
    >>> raw = {"tdp": {"value": 700, "unit": "W", "source": "nvidia2023h100"}}
    >>> split_figures(raw)[0]
    {'tdp': <Quantity(700.0, 'watt')>}
    """
    if not isinstance(raw, dict):
        return raw, {}
    if "value" in raw and "unit" in raw:
        figure = Figure(**raw)
        return figure.quantity, {path: figure}
    plain, figures = {}, {}
    for key, value in raw.items():
        plain[key], below = split_figures(value, f"{path}.{key}" if path else str(key))
        figures |= below
    return plain, figures


class Sourced(Record):
    """A record that knows where its figures come from: `figures` has the source of each, by its dotted path."""

    figures: Annotated[dict[str, Figure], Frozen, Field(repr=False)] = FrozenDict()

    @classmethod
    def from_record(cls, raw: dict[str, Any]) -> Self:
        """Return the record of a raw one, in which figures are mappings with value, unit and source."""
        plain, figures = split_figures(raw)
        return cls(**plain, figures=figures)


class _Lookup(Generic[T]):
    """Entries by name, as items and as attributes, so that tab completion lists them."""

    _kind: str

    @property
    def names(self) -> list[str]:
        """The names of all entries, in their order."""
        raise NotImplementedError

    def __getitem__(self, name: str) -> T:
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.names]

    def __iter__(self) -> Iterator[T]:
        return (self[name] for name in self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __repr__(self) -> str:
        return f"<{len(self)} {self._kind} entries: {', '.join(self.names)}>"


class Registry(_Lookup[T]):
    """The records of one YAML file, read and validated when first asked for.

    Parameters
    ----------
    kind
        What the entries are, for messages: ``"hardware"``.
    build
        Makes an entry of a raw record.
    package
        The package whose folder ``data`` has the file.
    stem
        The file's name without its ending.

    Raises
    ------
    UnknownName
        On access to a name that is no entry, with the nearest one.
    """

    def __init__(self, kind: str, build: Callable[[dict[str, Any]], T], package: str, stem: str) -> None:
        self._kind, self._build, self._package, self._stem = kind, build, package, stem
        self._entries: dict[str, T] = {}

    @cached_property
    def _raw(self) -> dict[str, dict[str, Any]]:
        text = resources.files(self._package).joinpath("data", f"{self._stem}.yaml").read_text("utf-8")
        return yaml.load(text, Loader=yaml.CSafeLoader)

    @property
    def names(self) -> list[str]:
        """The names of all entries, in the order of the file."""
        return list(self._raw)

    def __getitem__(self, name: str) -> T:
        if name not in self._entries:
            if not isinstance(name, str) or name not in self._raw:
                raise unknown(self._kind, name, self.names)
            self._entries[name] = self._build(self._raw[name])
        return self._entries[name]


class Catalog(_Lookup[T]):
    """Several registries, each a group; an entry is found by its short name whichever group holds it.

    Examples
    --------
    >>> from mlsysim import Hardware
    >>> Hardware.H100 is Hardware.Cloud.H100
    True
    >>> Hardware.H10
    Traceback (most recent call last):
    mlsysim.errors.UnknownName: unknown hardware 'H10'; did you mean 'H100'? Allowed: ...
    """

    def __init__(self, kind: str, **groups: Registry[T]) -> None:
        self._kind, self.groups = kind, groups

    @property
    def names(self) -> list[str]:
        """The names of all entries, group by group."""
        return [name for group in self.groups.values() for name in group.names]

    def __getitem__(self, name: str) -> T:
        for group in self.groups.values():
            if name in group:
                return group[name]
        raise unknown(self._kind, name, self.names)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in self.groups and name not in self:
            raise unknown(self._kind, name, [*self.groups, *self.names])
        return self.groups[name] if name in self.groups else self[name]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.groups]
