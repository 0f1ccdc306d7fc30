"""Records: facts from YAML, each figure with its source, validated when first touched and frozen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from functools import cached_property, wraps
from importlib import resources
from numbers import Real
from pathlib import Path
from typing import Annotated, Any, Generic, NamedTuple, Self, TypeVar

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
    field_validator,
)

from mlsysim.errors import InputError, InputTypeError, UnknownName, shown, unknown
from mlsysim.references import citation
from mlsysim.tables import text_table
from mlsysim.units import Quantity, strip, unit

T = TypeVar("T")


def _figure_schema(of: str) -> dict[str, Any]:
    text = {"type": "string"}
    optional = dict.fromkeys(("condition", "quoted", "date", "note"), text)
    return {
        "type": "object",
        "description": f"a figure in {of} or another unit of the same dimension",
        "properties": {"value": {"type": "number"}, "unit": text, "source": text} | optional,
        "required": ["value", "unit", "source"],
        "additionalProperties": False,
    }


def positive_in(of: str, or_zero: bool = False) -> Any:
    """Return the type of a field that holds a positive quantity in `of`; text such as ``"3.35 TB/s"`` is read."""

    def read(value: Any) -> Any:
        if isinstance(value, str):
            try:
                value = Quantity(value)
            except (pint.UndefinedUnitError, pint.DefinitionSyntaxError, ValueError) as error:
                raise ValueError(f"cannot be read as a quantity in {of}: {error}") from error
        try:
            plain = strip("it", value, of, exclusive=not or_zero)
        except InputTypeError as error:
            raise ValueError(str(error)) from error
        if not isinstance(plain, Real):
            raise ValueError(f"it must be one quantity in {of}, not an array")
        return value

    return Annotated[
        InstanceOf[pint.Quantity],
        BeforeValidator(read),
        PlainSerializer(lambda quantity: f"{quantity:~}", return_type=str, when_used="json"),
        WithJsonSchema(_figure_schema(of)),
    ]


Fraction = Annotated[float, WithJsonSchema(_figure_schema("dimensionless"))]
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
ByName = WithJsonSchema({"type": "string", "description": "the name of a record of ours"})
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
    """A frozen set of named facts. Unknown fields are refused, with the nearest name.

    What was worked out of the facts and kept, by `cached_property` or `once`, is no fact: a copy, which may have
    other facts, works it out anew.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, ignored_types=(cached_property,)
    )

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise _readable(type(self), error) from None

    def __copy__(self) -> Self:
        copied = super().__copy__()
        for name in self.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        return super(Record, self.__copy__()).__deepcopy__(memo)

    def __getstate__(self) -> dict[Any, Any]:
        return super(Record, self.__copy__()).__getstate__()


def once(function: Callable[..., T]) -> Callable[..., T]:
    """Keep what a function of a record and of other arguments returns, for as long as the record lives.

    The arguments after the record are hashable and given by position. A copy of the record begins anew.
    """
    name = f"{function.__module__}.{function.__qualname__}"

    @wraps(function)
    def asked(record: Record, *rest: Any) -> T:
        try:
            return record.__dict__[name][rest]
        except KeyError:
            known = record.__dict__.setdefault(name, {})
        known[rest] = function(record, *rest)
        return known[rest]

    return asked


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

    @field_validator("unit")
    @classmethod
    def _known(cls, text: str) -> str:
        try:
            unit(text)
        except (pint.UndefinedUnitError, pint.DefinitionSyntaxError, ValueError) as error:
            raise ValueError(f"is no unit: {error}") from error
        return text

    @property
    def quantity(self) -> Any:
        """The figure as a quantity."""
        return Quantity(self.value, self.unit)

    @property
    def text(self) -> str:
        """The figure as a reader wants it."""
        return f"{self.quantity:.6g}"

    @property
    def cited(self) -> str:
        """The source in a line: authors, year, title and address; as it is where the bibliography has no such key."""
        return citation(self.source)


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
        """Return the record of a raw one, in which figures are mappings with value, unit and source.

        Raises
        ------
        InputError, UnknownName
            For a field that is misspelt, missing, of the wrong unit or not positive, and for a figure without a source.
        """
        plain, figures = split_figures(raw)
        record = cls(**plain, figures=figures)
        for path in _unsourced(raw, record):
            raise RecordError(f"{path} of {record.name} has no source: write {{value: ..., unit: ..., source: ...}}")
        return record

    @property
    def all_figures(self) -> dict[str, Figure]:
        """The figures that `source` knows."""
        return self.figures

    def source(self, path: str) -> Provenance:
        """Return where one figure comes from.

        Parameters
        ----------
        path
            The dotted path of the figure, one of the keys of `all_figures`.

        Raises
        ------
        UnknownName
            For a path that has no figure, with the nearest one.

        Examples
        --------
        >>> from mlsysim import Hardware
        >>> print(Hardware.Cloud.H100.source("memory.capacity"))
        memory.capacity of NVIDIA H100 SXM5 80GB: 81559 MiB
        Condition: as nvidia-smi reports
        Quoted:    80 GB
        Source:    ...
        """
        known = self.all_figures
        if path not in known:
            raise unknown(f"figure of {self.name}", path, known)
        return Provenance(self.name, path, known[path])

    def __str__(self) -> str:
        rows = [(path, figure.text, figure.condition or "", figure.cited) for path, figure in self.all_figures.items()]
        return f"{self.name}\n\n{text_table(['Figure', 'Value', 'Condition', 'Source'], rows)}"


class Provenance(NamedTuple):
    """Where one figure of a record comes from; prints as text."""

    record: str
    path: str
    figure: Figure

    def __str__(self) -> str:
        figure = self.figure
        lines = [f"{self.path} of {self.record}: {figure.text}"]
        about = {"Condition": figure.condition, "Quoted": figure.quoted, "Date": figure.date, "Note": figure.note}
        about["Source"] = figure.cited
        return "\n".join([*lines, *(f"{name + ':':<10} {text}" for name, text in about.items() if text)])


def _unsourced(raw: Any, built: Any, path: str = "") -> Iterator[str]:
    """The paths at which a raw record has a bare number or text where the record built of it has a quantity."""
    for key, value in raw.items():
        made = built[key] if isinstance(built, dict) else getattr(built, key)
        at = f"{path}.{key}" if path else str(key)
        if isinstance(value, dict) and isinstance(made, dict | BaseModel) and not isinstance(made, Figure):
            yield from _unsourced(value, made, at)
        elif isinstance(made, pint.Quantity | float) and not isinstance(value, dict):
            yield at


def _read_yaml(path: Path) -> dict[str, dict[str, Any]]:
    try:
        raw = yaml.load(path.read_text("utf-8"), Loader=yaml.CSafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(raw, dict) or not all(isinstance(record, dict) for record in raw.values()):
        raise InputError(f"{path} must be a mapping from names to records; it holds {shown(raw)}")
    return raw


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
        self._kind, self._build = kind, build
        self._path = lambda: resources.files(package).joinpath("data", f"{stem}.yaml")
        self._entries: dict[str, T] = {}

    @cached_property
    def _raw(self) -> dict[str, dict[str, Any]]:
        return yaml.load(self._path().read_text("utf-8"), Loader=yaml.CSafeLoader)

    def load(self, path: str | Path) -> Registry[T]:
        """Return the records of a YAML file of your own, in the same form as those of this registry.

        Parameters
        ----------
        path
            A mapping from names to records in which each figure has a value, a unit and a source.

        Raises
        ------
        InputError
            If the file cannot be read, is no YAML, is no mapping, or holds a record that is none.
        """
        mine: Registry[T] = copy(self)
        mine._entries, mine.__dict__["_raw"] = {}, _read_yaml(Path(path))
        for name in mine.names:
            mine[name]
        return mine

    @property
    def names(self) -> list[str]:
        """The names of all entries, in the order of the file."""
        return list(self._raw)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._raw

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

    def load(self, path: str | Path) -> Registry[T]:
        """Return the records of a YAML file of your own; see `Registry.load`.

        Raises
        ------
        InputError
            As `Registry.load`; also where the groups hold records of different kinds, and one must be named.
        """
        first, *others = self.groups.values()
        if any(group._build != first._build for group in others):
            groups = ", ".join(f"{name}.load" for name in self.groups)
            raise InputError(f"the records of {self._kind} are of several kinds: write one of {groups}")
        return first.load(path)

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
        if name in self.groups:
            return self.groups[name]
        for group in self.groups.values():
            if name in group:
                return group[name]
        raise unknown(self._kind, name, [*self.groups, *self.names])

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.groups]
