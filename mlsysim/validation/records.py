"""Published results: what was measured, of what, and where it is printed."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import pint
from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from mlsysim.errors import InputError, shown, unknown
from mlsysim.records import Frozen, Record, RecordError
from mlsysim.references import Reference, key_of, reference
from mlsysim.units import Quantity, unit
from mlsysim.validation.inputs import checked

DOMAINS = (
    "training",
    "serving",
    "vision-inference",
    "tinyml",
    "collective",
    "reliability",
    "carbon",
    "cost",
    "memory",
    "scaling-law",
)
"""The domains of the published results; each has a file of the package and an adapter."""

COLUMNS = ("model", "system", "precision", "tensor_parallel", "input_tokens", "output_tokens", "concurrency")
"""The columns that a CSV file of served points must have, beside at least one of `TIMES`."""

TIMES = {"ttft_ms": "ttft", "tpot_ms": "tpot"}
_COUNTS = COLUMNS[3:]
_THINGS = r"samples?|images?|sequences?|frames?|inf(?:erences?)?|events?|machines?|hosts?|failures?|x|nats"
_EVERYTHING_COUNTED = re.compile(rf"\b(?:{_THINGS})\b")
_PER_DEVICE = re.compile(r"\b(?:GPU|node|chip|device)-")


@cache
def measured_unit(text: str) -> pint.Unit:
    """Return the unit that a publication names; what it counts (images, samples, events, devices) is a number.

    Raises
    ------
    InputError
        If it is no unit.

    Examples
    --------
    >>> print(measured_unit("images/s"))
    1/s
    >>> print(measured_unit("uJ/inference"))
    µJ
    """
    plain = _EVERYTHING_COUNTED.sub("dimensionless", _PER_DEVICE.sub("", text)).replace("/1000 days", "/kday")
    try:
        return unit(plain)
    except (pint.UndefinedUnitError, pint.DefinitionSyntaxError, ValueError, TypeError) as error:
        raise InputError(f"{shown(text)} is no unit: {error}") from error


def _number(value: Any) -> Any:
    if isinstance(value, bool | str):
        raise ValueError("must be a number")
    return value


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("must be finite")
    return value


class Measured(Record):
    """One figure of a published result."""

    value: Annotated[float, BeforeValidator(_number), AfterValidator(_finite)]
    unit: str

    @field_validator("unit")
    @classmethod
    def _known(cls, text: str) -> str:
        measured_unit(text)
        return text

    @property
    def quantity(self) -> Any:
        """The figure as a quantity."""
        return Quantity(self.value, measured_unit(self.unit))


class Source(Record):
    """Where a result was published: by a key of ``references.bib``, or in words.

    Parameters
    ----------
    key
        The key, for the records of the package.
    title, authors, year, venue, url_or_doi
        In words, for records from elsewhere; where title or address is that of a key, it is cited by it.
    table_or_figure
        Where in it.
    url
        The address at which it was read, where it is not that of the key.
    submitter
        Who measured, where others published.
    """

    key: str | None = None
    title: str | None = None
    authors: str | None = None
    year: int | str | None = None
    venue: str | None = None
    table_or_figure: str | None = None
    url: str | None = None
    url_or_doi: str | None = None
    submitter: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _found(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("key") is None:
            title, url = given.get("title"), given.get("url") or given.get("url_or_doi")
            if all(one is None or isinstance(one, str) for one in (title, url)) and (key := key_of(title, url)):
                return given | {"key": key}
        return given

    @model_validator(mode="after")
    def _named(self) -> Source:
        if self.key is None and self.title is None:
            raise ValueError("has neither a key of the bibliography nor a title")
        if self.key is not None:
            reference(self.key)
        return self

    @property
    def name(self) -> str:
        """The key, or else the title."""
        return self.key or self.title or ""

    @property
    def reference(self) -> Reference:
        """The source as it is cited in a line."""
        if self.key is not None:
            return reference(self.key)
        return Reference(self.name, self.name, self.authors or "", str(self.year or ""), self.url or self.url_or_doi)


class Measurement(Record):
    """A published result.

    Parameters
    ----------
    id
        Its name; no two of a file share one.
    domain
        One of `DOMAINS`.
    description
        What was measured, in words.
    inputs
        Of what: model, hardware, batch, precision, in the words of the source.
    measured
        The figures by metric, each with a value and a unit.
    source
        Where it was published.
    confidence
        ``"confirmed"`` against the source, or written from ``"memory"``.
    note
        What a reader of it should know.

    Examples
    --------
    >>> one = Measurement(id="mine", domain="serving", inputs={"model": "Llama3_8B"},
    ...                   measured={"tpot": {"value": 8.2, "unit": "ms"}}, source={"title": "my bench"})
    >>> one.measured["tpot"].quantity
    <Quantity(8.2, 'millisecond')>
    """

    id: Annotated[str, Field(min_length=1)]
    domain: str
    description: str = ""
    inputs: Annotated[dict[str, Any], Frozen]
    measured: Annotated[dict[str, Measured], Field(min_length=1), Frozen]
    source: Source
    confidence: Literal["confirmed", "memory"] = "confirmed"
    note: str = ""

    @field_validator("domain")
    @classmethod
    def _has_an_adapter(cls, name: str) -> str:
        if name not in DOMAINS:
            raise unknown("domain", name, DOMAINS)
        return name

    @field_validator("inputs", mode="before")
    @classmethod
    def _of_their_kinds(cls, given: Any) -> Any:
        return checked(given) if isinstance(given, dict) else given

    @field_validator("measured", mode="before")
    @classmethod
    def _by_metric(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {name: _figure(name, one) if isinstance(one, dict) else one for name, one in given.items()}

    @property
    def hardware(self) -> str:
        """The hardware as the record names it."""
        return str(self.inputs.get("hardware", "not stated"))

    @property
    def model(self) -> str:
        """The model as the record names it."""
        return str(self.inputs.get("model", "not stated"))


def _figure(metric: str, raw: dict[str, Any]) -> Measured:
    try:
        return Measured(**raw)
    except InputError as error:
        raise RecordError(f"{metric}: {error}") from error


@cache
def published(domain: str | None = None) -> tuple[Measurement, ...]:
    """Return the published results of the package.

    Parameters
    ----------
    domain
        One of `DOMAINS`; left out, all of them in that order.

    Raises
    ------
    UnknownName
        For a domain that there is none of, with the nearest one.

    Examples
    --------
    >>> published("cost")[0].source.reference.short
    'MosaicML (2023)'
    """
    if domain is None:
        return tuple(record for name in DOMAINS for record in published(name))
    if domain not in DOMAINS:
        raise unknown("domain", domain, DOMAINS)
    path = resources.files("mlsysim.validation").joinpath("data", f"{domain}.json")
    return tuple(Measurement(**raw) for raw in json.loads(path.read_text("utf-8")))


def load(path: str | Path) -> tuple[Measurement, ...]:
    """Return the published results of a file.

    Parameters
    ----------
    path
        JSON: a list of records with the fields of `Measurement`, or an object whose ``records`` is one. CSV: served
        points, a row each, with `COLUMNS` and ``ttft_ms`` or ``tpot_ms`` or both; further columns are inputs.

    Raises
    ------
    InputError
        If the file cannot be read, is neither, or holds what is no record; the message names file and record.
    """
    path = Path(path)
    if path.suffix.lower() not in (".json", ".csv"):
        raise InputError(f"{path}: published results are read from .json or .csv; got {path.suffix or 'no ending'!r}")
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    records = tuple(_from_json(path, text) if path.suffix.lower() == ".json" else _from_csv(path, text))
    if not records:
        raise InputError(f"{path} holds no record")
    refuse_twins(records, str(path))
    return records


def refuse_twins(records: Iterable[Measurement], where: str) -> None:
    """Refuse records of which two share an id.

    Raises
    ------
    InputError
        That names the first such id.
    """
    seen: set[str] = set()
    for record in records:
        if record.id in seen:
            raise InputError(f"{where}: two records have the id {record.id!r}")
        seen.add(record.id)


def _from_json(path: Path, text: str) -> Iterator[Measurement]:
    try:
        raw = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}") from error
    rows = raw.get("records") if isinstance(raw, dict) else raw
    if not isinstance(rows, list):
        raise InputError(
            f"{path} must be a list of records, or an object with the field records; it holds {shown(raw)}"
        )
    for place, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise InputError(f"{path}, record {place}: must be an object; got {shown(row)}")
        yield _built(f"{path}, record {place}" + (f" ({row['id']})" if row.get("id") else ""), row)


def _from_csv(path: Path, text: str) -> Iterator[Measurement]:
    reader = csv.DictReader(text.splitlines())
    columns: Sequence[str] = reader.fieldnames or ()
    missing = [name for name in COLUMNS if name not in columns]
    if missing or not set(TIMES) & set(columns):
        wanted = ", ".join(missing) or " or ".join(TIMES)
        raise InputError(f"{path}: no column {wanted}; it has {', '.join(columns) or 'none'}")
    for row in reader:
        where = f"{path}, line {reader.line_num}"
        if None in row or None in row.values():
            raise InputError(f"{where}: it has not as many cells as the header, {len(columns)}")
        cells = {name: cell.strip() for name, cell in row.items() if cell.strip()}
        inputs = {name: cell for name, cell in cells.items() if name not in TIMES}
        for name in _COUNTS:
            inputs[name] = _whole(where, name, cells.get(name))
        times = {TIMES[name]: _time(where, name, cells[name]) for name in TIMES if name in cells}
        inputs["hardware"] = inputs.pop("system", None)
        named = {"id": f"{path.stem}:{reader.line_num}", "domain": "serving", "source": {"title": path.name}}
        yield _built(where, named | {"inputs": inputs, "measured": times})


def _whole(where: str, name: str, cell: str | None) -> int:
    if cell is None or not cell.isdecimal() or int(cell) < 1:
        raise InputError(f"{where}: {name} must be a whole number of at least 1; got {shown(cell)}")
    return int(cell)


def _time(where: str, name: str, cell: str) -> dict[str, Any]:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not (value > 0 and math.isfinite(value)):
        raise InputError(f"{where}: {name} must be a time above 0; got {shown(cell)}")
    return {"value": value, "unit": "ms"}


def _built(where: str, raw: dict[str, Any]) -> Measurement:
    try:
        return Measurement(**raw)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
