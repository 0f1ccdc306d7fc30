"""The registries as tables in which every figure leads to its source: for the zoo pages and the command line."""

from __future__ import annotations

from typing import Any, NamedTuple
from xml.etree import ElementTree

import pint

from mlsysim.catalogs import CATALOGS
from mlsysim.errors import unknown
from mlsysim.hardware.types import HardwareNode
from mlsysim.infra.types import Datacenter, GridProfile
from mlsysim.models.types import Workload
from mlsysim.records import Figure, Sourced
from mlsysim.references import source_of
from mlsysim.systems.types import Fleet, NetworkFabric, Node
from mlsysim.units import Quantity, pretty

BRIEF: dict[str, tuple[str, ...]] = {
    "hardware": ("Name", "Peak", "Memory", "Bandwidth", "Ridge", "TDP"),
    "models": ("Name", "Parameters", "One pass", "Operations", "Weights, fp16"),
}
"""The columns that a terminal has room for, by catalog."""

_PRECISIONS = ("fp32", "fp16", "fp8", "fp4", "int8")


class Cell(NamedTuple):
    """What a table shows in one place: text, a number to sort by, the key of a source, the condition of the figure.

    `figure` is its number with a unit, as a program wants it; None where it is none.
    """

    text: str
    order: float | str | None = None
    source: str | None = None
    condition: str | None = None
    figure: tuple[float, str] | None = None


def _cell(value: float | None, unit: str, figure: Figure | None = None) -> Cell:
    if value is None:
        return Cell("–", -1)
    source, condition = (figure.source, figure.condition) if figure else (None, None)
    return Cell(pretty(value, unit), value, source, condition, (value, unit))


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
    price = device.price.m_as("dollar") if device.price else None
    return {
        "Name": Cell(f"{group}.{key}"),
        "Device": Cell(device.name),
        "Year": Cell(str(device.release_year), device.release_year),
        "Peak": Cell(f"{pretty(headline, 'flop/s')} {device.compute.peak_precision}", headline),
        "Memory": _cell(plain.capacity, "byte", main["capacity"]),
        "Bandwidth": _cell(plain.bandwidth, "byte/s", main["bandwidth"]),
        "Ridge": _cell(ridge, "flop/byte"),
        "TDP": _cell(plain.tdp, "W", figures.get("tdp")),
        **peaks,
        "Link, one way": _cell(link, "byte/s", figures.get("interconnect.bandwidth")),
        "Price": _cell(price, "dollar", figures.get("price")),
    }


def _model_row(group: str, key: str, model: Workload) -> dict[str, Cell]:
    demand = model.demand()
    grows = model.default_context is not None
    kv = grows and model.demand(seq_len=2).kv_cache - model.demand(seq_len=1).kv_cache
    return {
        "Name": Cell(f"{group}.{key}"),
        "Model": Cell(model.name, None, model.shape_source, model.note),
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


def _quantity_cell(value: Any, figure: Figure | None) -> Cell:
    if value is None:
        return Cell("–", -1)
    source, condition = (figure.source, figure.condition) if figure else (None, None)
    if isinstance(value, pint.Quantity):
        number = (value.magnitude, f"{value.units:~C}")
        return Cell(f"{value:.4g}", value.to_base_units().magnitude, source, condition, number)
    return Cell(f"{value:,}" if isinstance(value, int | float) else str(value), value, source, condition)


_COLUMNS: dict[type[Sourced], dict[str, str]] = {
    NetworkFabric: {"topology": "Topology", "bandwidth": "One way", "links": "Links", "latency": "Latency"},
    Node: {
        "accelerators_per_node": "Accelerators",
        "intra_node_bw": "Inside, one way",
        "nics": "Network cards",
        "nic_bandwidth": "Each, one way",
        "tdp": "Power",
    },
    Fleet: {"count": "Nodes", "total_accelerators": "Accelerators"},
    GridProfile: {
        "life_cycle": "Life cycle",
        "direct": "Direct",
        "electricity_price": "Price",
        "water_intensity": "Water",
    },
    Datacenter: {"operator": "Operator", "pue": "PUE", "wue": "WUE"},
}


def _record_row(group: str, key: str, record: Sourced) -> dict[str, Cell]:
    cells = {
        title: _quantity_cell(getattr(record, name), record.figures.get(name))
        for name, title in _COLUMNS[type(record)].items()
    }
    parts = {"Accelerator": "accelerator", "Node": "node", "Fabric": "fabric", "Grid": "region"}
    within = {
        title: Cell(part.name) for title, name in parts.items() if (part := getattr(record, name, None)) is not None
    }
    dates = [figure.date for figure in record.figures.values() if figure.date]
    years = {"Year": Cell(dates[0])} if dates and isinstance(record, GridProfile | Datacenter) else {}
    return {"Name": Cell(f"{group}.{key}"), "Record": Cell(record.name), **within, **cells, **years}


def _row(group: str, key: str, record: Any) -> dict[str, Cell]:
    if isinstance(record, HardwareNode):
        return _hardware_row(group, key, record)
    return _model_row(group, key, record) if isinstance(record, Workload) else _record_row(group, key, record)


def rows(catalog: str, group: str | None = None) -> list[dict[str, Cell]]:
    """Return one row for each entry of a catalog, or of one of its groups, as cells by column.

    Parameters
    ----------
    catalog
        One of ``"hardware"``, ``"models"``, ``"systems"``, ``"infra"``.
    group
        One of its groups, such as ``"Nodes"``.

    Raises
    ------
    UnknownName
        For another catalog or group.

    Examples
    --------
    >>> [row["Ridge"].text for row in rows("hardware") if row["Name"].text == "Cloud.H100"]
    ['295.3 FLOP/B']
    """
    if catalog not in CATALOGS:
        raise unknown("zoo", catalog, CATALOGS)
    groups = CATALOGS[catalog].groups
    if group is not None and group not in groups:
        raise unknown(f"group of {catalog}", group, groups)
    kept = groups if group is None else {group: groups[group]}
    found = [_row(title, key, registry[key]) for title, registry in kept.items() for key in registry.names]
    columns = dict.fromkeys(column for cells in found for column in cells)
    return [{column: cells.get(column, Cell("–", -1)) for column in columns} for cells in found]


def html(catalog: str, group: str | None = None) -> str:
    """Return the table of a catalog, or of one of its groups, as HTML: each sourced figure is a link to its source.

    Raises
    ------
    UnknownName
        For a catalog or group that `rows` does not know.

    Examples
    --------
    >>> html("infra").startswith("<table")
    True
    """
    table = ElementTree.Element("table", {"class": "table"})
    found = [{column: cell for column, cell in row.items() if column != "Peak"} for row in rows(catalog, group)]
    head = ElementTree.SubElement(ElementTree.SubElement(table, "thead"), "tr")
    for column in found[0]:
        ElementTree.SubElement(head, "th", {"scope": "col"}).text = column
    body = ElementTree.SubElement(table, "tbody")
    for cells in found:
        line = ElementTree.SubElement(body, "tr")
        for cell in cells.values():
            place = ElementTree.SubElement(
                line,
                "td",
                {}
                if cell.order is None
                else {"data-order": f"{cell.order:.6g}" if isinstance(cell.order, float) else str(cell.order)},
            )
            if cell.source and (source := source_of(cell.source)).url:
                about = {"href": source.url, "title": cell.condition or source.short}
                place = ElementTree.SubElement(place, "a", about)
            place.text = cell.text
    return ElementTree.tostring(table, "unicode", method="html")


def plain(found: list[dict[str, Cell]]) -> list[dict[str, Any]]:
    """Return rows for a program: plain numbers, with the unit in the name of the column; None where nothing is known.

    Examples
    --------
    >>> row = next(row for row in plain(rows("hardware")) if row["Name"] == "Cloud.H100")
    >>> row["Bandwidth [byte/s]"], row["Year"]
    (3350000000000.0, 2022)
    """
    units = {
        column: next((row[column].figure[1] for row in found if row[column].figure), None)
        for column in (found[0] if found else ())
    }
    names = {column: f"{column} [{unit}]" if unit else column for column, unit in units.items()}
    return [{names[column]: _plain(cell, units[column]) for column, cell in row.items()} for row in found]


def _plain(cell: Cell, unit: str | None) -> Any:
    if cell.text == "–":
        return None
    if cell.figure is None:
        number = cell.order if isinstance(cell.order, int | float) else None
        return number if number is not None and cell.text in (f"{number}", f"{number:,}") else cell.text
    value, its_own = cell.figure
    return value if its_own == unit else Quantity(value, its_own).m_as(unit)


def arranged(
    found: list[dict[str, Cell]], match: str | None = None, sort: str | None = None, descending: bool = False
) -> list[dict[str, Cell]]:
    """Return the rows in which a text stands, sorted by a column.

    Parameters
    ----------
    found
        What `rows` returns.
    match
        Text that one of the cells must have; case does not matter.
    sort
        A column; numbers sort by their value, whatever their prefix.
    descending
        Largest first.

    Raises
    ------
    UnknownName
        For a column that does not exist.

    Examples
    --------
    >>> [row["Name"].text for row in arranged(rows("hardware"), match="esp32-s3")]
    ['Tiny.ESP32_S3']
    """
    kept = [row for row in found if match is None or any(match.casefold() in c.text.casefold() for c in row.values())]
    if sort is None:
        return kept[::-1] if descending else kept
    if sort not in found[0]:
        raise unknown("column", sort, found[0])
    return sorted(kept, key=lambda row: _order(row[sort]), reverse=descending)


def _order(cell: Cell) -> tuple[bool, Any]:
    return (True, cell.text) if cell.order is None else (False, cell.order)


def figures(record: Any) -> list[tuple[str, str, str, str]]:
    """Return the figures of one record: what, value, condition, source.

    Examples
    --------
    >>> from mlsysim import Hardware
    >>> [row[:2] for row in figures(Hardware.H100) if row[0] == "tdp"]
    [('tdp', '700 W')]
    """
    known = record.published if isinstance(record, Workload) else record.all_figures
    return [(path, f"{figure.quantity:.6g~P}", figure.condition or "", figure.cited) for path, figure in known.items()]
