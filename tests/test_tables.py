"""Tables: every cell arrives, nothing is taken for markup."""

from __future__ import annotations

from mlsysim.tables import html_table, markdown_table, text_table

ROWS = [["[bold]A[/bold]", "1|2"], ["<b>", "0012"]]


def test_text_keeps_brackets_and_digits():
    lines = text_table(["Name", "Value"], ROWS).splitlines()
    assert lines[2].split() == ["[bold]A[/bold]", "1|2"]
    assert lines[3].split() == ["<b>", "0012"]
    assert all(line == line.rstrip() for line in lines)


def test_text_aligns_to_the_right():
    lines = text_table(["Name", "Value"], [["a", "1"], ["b", "1000"]], "<>").splitlines()
    assert len(lines[2]) == len(lines[3])
    assert lines[2].endswith("   1")


def test_markdown_escapes_the_pipe():
    lines = markdown_table(["Name", "Value"], ROWS).splitlines()
    assert r"1\|2" in lines[2]
    assert "0012" in lines[3]


def test_html_escapes_markup():
    html = html_table(["Name", "Value"], ROWS)
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    assert html.count("<tr>") == 3
