"""What is printed in a terminal and what is shown in a notebook."""

import nbformat
import pytest
from nbclient import NotebookClient

from mlsysim import Q_
from mlsysim.errors import InputError
from mlsysim.show import banner, info, table


def test_table_aligns_and_shortens_quantities(capsys):
    table(["Device", "Bandwidth"], [["H100", Q_(3352.123, "GB/s")], ["A100", Q_(2039, "GB/s")]], "<>")
    header, rule, first, second = capsys.readouterr().out.splitlines()
    assert first.split() == ["H100", "3352", "GB/s"]
    assert len(header) == len(first) == len(second)
    assert set(rule) == {"─"}


def test_info_lines_values_up(capsys):
    info("Fleet", Inter_node="400 Gbps", Region="Quebec")
    assert capsys.readouterr().out == "Fleet\nInter node   400 Gbps\nRegion       Quebec\n"


def test_banner_frames_its_text(capsys):
    banner("Node")
    assert capsys.readouterr().out == "━━ Node ━━\n"


@pytest.mark.parametrize(
    ("rows", "align", "words"),
    [([["one"]], None, "rows[0] must have 2 cells"), ([], "<", "align"), ([], "<x", "align")],
)
def test_bad_tables_are_refused(rows, align, words):
    with pytest.raises(InputError, match=r"must have") as error:
        table(["a", "b"], rows, align)
    assert words in str(error.value)


def test_a_notebook_gets_tables_and_nothing_else():
    source = """
from mlsysim import Engine, Hardware, Models
from mlsysim.show import info, table
table(["a", "b"], [[1, 2]])
info("Title", x=1)
Engine.solve(Models.ResNet50, Hardware.A100)
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    NotebookClient(notebook).execute()
    shown, told, result = notebook.cells[0].outputs
    assert "| 1" in shown.data["text/markdown"]
    assert told.data["text/markdown"].startswith("**Title**")
    assert "<td>ResNet-50 v1.5" in result.data["text/html"]
