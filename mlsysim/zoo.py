"""The registries as tables in which every figure leads to its source: for the zoo pages and the command line."""

from __future__ import annotations

from typing import Any, NamedTuple
from xml.etree import ElementTree

from mlsysim.errors import unknown
from mlsysim.hardware.registry import Hardware
from mlsysim.hardware.types import HardwareNode
from mlsysim.infra.registry import Infra
from mlsysim.models.registry import Models
from mlsysim.models.types import Workload
from mlsysim.records import Catalog, Figure, Sourced
from mlsysim.references import reference
from mlsysim.systems.registry import Systems
from mlsysim.units import pretty

CATALOGS: dict[str, Catalog[Any]] = {"hardware": Hardware, "models": Models, "systems": Systems, "grids": Infra}
BRIEF: dict[str, tuple[str, ...]] = {
    "hardware": ("Name", "Peak", "Memory", "Bandwidth", "Ridge", "TDP"),
    "models": ("Name", "Parameters", "One pass", "Operations", "Weights, fp16"),
}
"""The columns that a terminal has room for, by catalog."""

_PRECISIONS = ("fp32", "fp16", "fp8", "fp4", "int8")


class Cell(NamedTuple):
    """What a table shows in one place: text, a number to sort by, the key of a source, the condition of the figure."""

    text: str
    order: float | str | None = None
    source: str | None = None
    condition: str | None = None


def _cell(value: float | None, unit: str, figure: Figure | None = None) -> Cell:
    if value is None:
        return Cell("–", -1)
    source, condition = (figure.source, figure.condition) if figure else (None, None)
    return Cell(pretty(value, unit), value, source, condition)


def _hardware_row(group: str, key: str, device: HardwareNode) -> dict[str, Cell]:
    plain, figures, memory = device.plain, device.figures, device.memory
    at = "memory" if "memory.capacity" in figures else "memory.flash"
    main = {name: figures.get(f"{at}{'.' if at == 'memory' else '_'}{name}") for name in ("capacity", "bandwidth")}
    headline = plain.peaks[device.compute.peak_precision]
    peaks = {
        f"Peak {name}": _cell(plain.peaks.get(name), "flop/s", figures.get(f"compute.precision_flops.{name}"))
        for name in _PRECISIONS
    }
    if "fp16" not in plain.peaks and "bf16" in plain.peaks:
        peaks["Peak fp16"] = _cell(plain.peaks["bf16"], "flop/s", figures.get("compute.precision_flops.bf16"))
    ridge = device.ridge_point().m_as("flop/byte") if memory.bandwidth is not None else None
    link = device.interconnect.bandwidth.m_as("byte/s") if device.interconnect else None
    return {
        "Name": Cell(f"{group}.{key}"),
        "Device": Cell(device.name),
        "Year": Cell(str(device.release_year), device.release_year),
        "Peak": Cell(f"{pretty(headline, 'flop/s')} {device.compute.peak_precision}", headline),
        **peaks,
        "Memory": _cell(plain.capacity, "byte", main["capacity"]),
        "Bandwidth": _cell(plain.bandwidth, "byte/s", main["bandwidth"]),
        "Ridge": _cell(ridge, "flop/byte"),
        "Link, one way": _cell(link, "byte/s", figures.get("interconnect.bandwidth")),
        "TDP": _cell(plain.tdp, "W", figures.get("tdp")),
    }


def _model_row(group: str, key: str, model: Workload) -> dict[str, Cell]:
    demand = model.demand()
    kv = demand.kv_cache and demand.kv_cache / (model.default_context or 1)
    return {
        "Name": Cell(f"{group}.{key}"),
        "Model": Cell(model.name, None, model.source, model.note),
        "Year": Cell(str(model.release_year), model.release_year),
        "Parameters": _cell(model.parameter_count, "param"),
        "Published": _published(model, "parameters", "param"),
        "One pass": Cell(model.phases[0]),
        "Operations": _cell(demand.flops, "flop"),
        "Weights, fp16": _cell(demand.weights, "byte"),
        "Activations moved": _cell(demand.activations, "byte"),
        "KV cache a token": _cell(kv or None, "byte"),
    }


def _published(model: Workload, name: str, unit: str) -> Cell:
    figure = model.published.get(name)
    return _cell(figure.quantity.m_as(unit) if figure else None, unit, figure)


def _record_row(group: str, key: str, record: Sourced) -> dict[str, Cell]:
    cells = {
        "TDP" if path == "tdp" else path.replace("_", " ").capitalize(): Cell(
            f"{figure.quantity:.4g~P}", figure.value, figure.source, figure.condition
        )
        for path, figure in record.figures.items()
    }
    return {"Name": Cell(f"{group}.{key}"), "Record": Cell(record.name), **cells}


_ROWS = {"hardware": _hardware_row, "models": _model_row}


def rows(kind: str) -> list[dict[str, Cell]]:
    """Return one row for each entry of a catalog, as cells by column.

    Parameters
    ----------
    kind
        One of ``"hardware"``, ``"models"``, ``"systems"``, ``"grids"``.

    Raises
    ------
    UnknownName
        For another kind.

    Examples
    --------
    >>> rows("hardware")[3]["Ridge"].text
    '295.3 FLOP/B'
    """
    if kind not in CATALOGS:
        raise unknown("zoo", kind, CATALOGS)
    row: Any = _ROWS.get(kind, _record_row)
    found = [
        row(group, key, registry[key]) for group, registry in CATALOGS[kind].groups.items() for key in registry.names
    ]
    columns = dict.fromkeys(column for cells in found for column in cells)
    return [{column: cells.get(column, Cell("–", -1)) for column in columns} for cells in found]


def html(kind: str) -> str:
    """Return the table of a catalog as HTML in which each sourced figure is a link to its source.

    Raises
    ------
    UnknownName
        For a kind that `rows` does not know.

    Examples
    --------
    >>> html("grids").startswith("<table")
    True
    """
    table = ElementTree.Element("table", {"class": "table"})
    found = [{column: cell for column, cell in row.items() if column != "Peak"} for row in rows(kind)]
    head = ElementTree.SubElement(ElementTree.SubElement(table, "thead"), "tr")
    for column in found[0]:
        ElementTree.SubElement(head, "th", {"scope": "col"}).text = column
    body = ElementTree.SubElement(table, "tbody")
    for cells in found:
        line = ElementTree.SubElement(body, "tr")
        for cell in cells.values():
            place = ElementTree.SubElement(line, "td", {} if cell.order is None else {"data-order": str(cell.order)})
            if cell.source and (url := reference(cell.source).url):
                title = (
                    f"{cell.condition}. {reference(cell.source).short}"
                    if cell.condition
                    else reference(cell.source).short
                )
                place = ElementTree.SubElement(place, "a", {"href": url, "title": title})
            place.text = cell.text
    return ElementTree.tostring(table, "unicode", method="html")


def figures(record: Any) -> list[tuple[str, str, str, str]]:
    """Return the figures of one record: what, value, condition, source.

    Examples
    --------
    >>> [row[:2] for row in figures(Hardware.H100) if row[0] == "tdp"]
    [('tdp', '700 W')]
    """
    known = record.published if isinstance(record, Workload) else record.figures
    return [
        (path, f"{figure.quantity:.6g~P}", figure.condition or "", reference(figure.source).url or figure.source)
        for path, figure in known.items()
    ]
