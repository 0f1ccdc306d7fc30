"""The registries as tables."""

from xml.etree import ElementTree

import pytest

from mlsysim import Hardware, zoo
from mlsysim.catalogs import CATALOGS
from mlsysim.errors import UnknownName


@pytest.mark.parametrize("kind", CATALOGS)
def test_each_entry_has_a_row_and_all_rows_the_same_columns(kind):
    rows = zoo.rows(kind)
    assert len(rows) == len(CATALOGS[kind])
    assert len({tuple(row) for row in rows}) == 1


@pytest.mark.parametrize("kind", CATALOGS)
def test_sourced_figures_are_links(kind):
    table = ElementTree.fromstring(zoo.html(kind))
    links = [link.get("href") for link in table.iter("a")]
    assert len(links) >= len(CATALOGS[kind])
    assert all(link.startswith("https://") for link in links)


def test_the_text_of_a_row_is_that_of_the_record():
    rows = {row["Name"].text: row for row in zoo.rows("hardware")}
    h100 = rows["Cloud.H100"]
    assert h100["Bandwidth"].text == "3.35 TB/s"
    assert h100["Bandwidth"].source == Hardware.H100.figures["memory.bandwidth"].source
    assert h100["Ridge"].text == "295.3 FLOP/B"
    assert rows["Edge.Coral"]["Bandwidth"].text == "–"
    assert rows["Tiny.nRF52840"]["Memory"].source == Hardware.nRF52840.figures["memory.flash_capacity"].source


def test_cells_sort_by_number_not_by_text():
    table = ElementTree.fromstring(zoo.html("hardware"))
    header = [cell.text for cell in table.iter("th")]
    names = [row[0].text for row in table.find("tbody")]
    orders = [float(row[header.index("Peak fp16")].get("data-order")) for row in table.find("tbody")]
    order_of = dict(zip(names, orders, strict=True))
    assert [order_of[f"Cloud.{name}"] for name in ("V100", "T4", "A100", "H100")] == [125e12, 65e12, 312e12, 989.4e12]


def test_conditions_are_shown_on_hover():
    titles = [link.get("title") for link in ElementTree.fromstring(zoo.html("hardware")).iter("a")]
    assert any("nvidia-smi" in title for title in titles)


def test_an_unknown_catalog_names_the_nearest():
    with pytest.raises(UnknownName, match=r"did you mean 'models'"):
        zoo.rows("model")
