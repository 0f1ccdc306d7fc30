"""Every feature that a page may use, in one small project, rendered with each renderer that is at hand."""

import re
import shutil
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from tests.site.conftest import render

PARITY = Path(__file__).parent / "parity"
RENDERERS = ["embedded", *(["quarto"] if shutil.which("quarto") else [])]


@pytest.fixture(scope="module", params=RENDERERS)
def renderer(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def student(renderer, tmp_path_factory) -> Path:
    return built(tmp_path_factory.mktemp("student"), renderer, "student")


@pytest.fixture(scope="module")
def instructor(renderer, tmp_path_factory) -> Path:
    return built(tmp_path_factory.mktemp("instructor"), renderer, "instructor")


def built(folder: Path, renderer: str, profile: str) -> Path:
    shutil.copytree(PARITY, folder / "project", ignore=shutil.ignore_patterns(".cache", "_site", "*_files"))
    result = render(folder / "project", folder / "out", "--renderer", renderer, "--profile", profile)
    assert result.returncode == 0, result.stderr
    return folder / "out"


def read(site: Path, page: str) -> BeautifulSoup:
    return BeautifulSoup((site / page).read_text(encoding="utf-8"), "html.parser").find("main")


def words(element) -> str:
    return " ".join(element.get_text(" ").replace("\xa0", " ").split())


def references(main: BeautifulSoup) -> list[tuple[str, str]]:
    return [(words(link), link["href"]) for link in main.select("a.quarto-xref")]


def test_cross_references(student):
    found = references(read(student, "index.html"))
    assert ("Section 1", "#sec-maths") in found
    assert ("Equation 1", "#eq-roofline") in found
    assert ("1", "#fig-plain") in found
    assert ("Fig. 1", "#fig-plain") in found
    assert ("Figure 1", "#fig-plain") in found
    assert ("Table 1", "#tbl-plain") in found
    assert ("Table 2", "#tbl-div") in found
    assert ("Exercise 1", "#exr-one") in found
    in_cells = [text for text, _ in references(read(student, "cells.html"))]
    assert in_cells == ["Figure 1", "Figure 2", "Table 1", "Table 2"]


@pytest.mark.parametrize("page", ["index.html", "cells.html"])
def test_each_reference_has_one_target(student, page):
    main = read(student, page)
    for _, href in references(main):
        assert len(main.select(f'[id="{href[1:]}"]')) == 1


def test_captions_are_numbered(student):
    text = words(read(student, "index.html"))
    assert "Figure 1: A grey square, emphasised" in text
    assert "Table 1: A pipe table with" in text
    assert "Table 2: A table in a div" in text


def test_citations(student):
    main = read(student, "index.html")
    text = words(main)
    assert "( Williams et al. 2009, 66 )" in text
    assert "Equation 1 ( Little 1961 ) keeps its citation" in text
    assert "References" in [words(heading) for heading in main.select("h2")]
    entries = main.select(".csl-entry")
    assert [entry["id"] for entry in entries] == ["ref-little1961proof", "ref-williams2009roofline"]


def test_maths_is_mathml(student):
    main = read(student, "index.html")
    assert main.select_one('p math[display="inline"]')
    assert main.select_one('#eq-roofline math[display="block"]')


def test_include(student):
    assert "Included sentence with a second reference to Equation 1" in words(read(student, "index.html"))


def test_links_in_tables_lead_to_pages(student):
    assert read(student, "index.html").select_one('#tbl-plain a[href="sub/api.html#parity.Engine"]')


def test_grid_table(student):
    assert [words(item) for item in read(student, "index.html").select("table td li")] == ["a list", "in a cell"]


def test_callouts(student):
    main = read(student, "index.html")
    assert len(main.select(".callout")) == 3
    assert main.select_one(".callout-tip .collapse, .callout-tip.collapse")
    assert "Titled by heading" in words(main.select_one(".callout-warning"))
    assert main.select_one(".callout-warning a.quarto-xref")


def test_tabset(student):
    tabset = read(student, "index.html").select_one(".panel-tabset")
    assert [words(tab) for tab in tabset.select('[role="tab"]')] == ["First tab", "Second tab"]
    assert len(tabset.select('[role="tabpanel"]')) == 2


def test_profiles(student, instructor):
    ours, theirs = words(read(student, "index.html")), words(read(instructor, "index.html"))
    for text in ("Only instructors read this", "Span for instructors"):
        assert text not in ours
        assert text in theirs
    for text in ("Only students read this", "Not for instructors"):
        assert text in ours
        assert text not in theirs
    texts = [file.read_text("utf-8") for file in student.rglob("*") if file.suffix in (".html", ".json")]
    assert not any("Only instructors" in text for text in texts)


def test_inline_values(student):
    main = read(student, "cells.html")
    assert "The answer is 42, a string 8.4 µs a*b." in words(main)
    assert "42" in [words(strong) for strong in main.select("p strong")]
    assert "`{python} 1 + 1`" in read(student, "index.html").get_text()


def test_code_folding_and_output(student):
    main = read(student, "cells.html")
    folded = main.select_one("details")
    assert words(folded.summary) == "Show the code"
    assert "answer = 6 * 7" in folded.get_text()
    text = main.get_text()
    assert re.search(r"^42$", text, re.M)
    assert "never_run()" in text
    assert "from IPython.display" not in text
    assert "Printed as is" in words(main)
    assert not any(words(code) == "not shown" for code in main.select("pre code"))


def test_figures_are_files_for_light_and_dark(student):
    main = read(student, "cells.html")
    images = main.select("#fig-modes img")
    assert [image in main.select(".dark-content img, img.dark-content") for image in images] == [False, True]
    for image in (*images, main.select_one("#fig-single img")):
        assert image["alt"]
        assert (student / image["src"]).suffix == ".svg"
        assert (student / image["src"]).stat().st_size > 1000


def test_tables_from_cells(student):
    main = read(student, "cells.html")
    assert words(main.select_one("#tbl-html td")) == "1"
    assert words(main.select_one("#tbl-markdown td")) == "2"
    assert "Table 1: A table in HTML" in words(main)


def test_api_page(student):
    main = read(student, "sub/api.html")
    assert words(main.select_one("h1.title")) == "Engine"
    assert main.select_one('a[href="../index.html#sec-maths"]')


def test_search_and_schemes(student):
    index = (student / "search.json").read_text("utf-8")
    assert "roofline" in index
    assert "989" in index
    head = (student / "index.html").read_text("utf-8")
    assert "quarto-color-scheme" in head
    assert "quarto-color-alternate" in head


def failing(folder: Path, page: str) -> str:
    """What the embedded renderer prints for a project of one bad page."""
    (folder / "_quarto.yml").write_text("project:\n  type: website\nwebsite:\n  title: Bad\n")
    (folder / "bad.qmd").write_text(page)
    result = render(folder, folder / "out", "--renderer", "embedded")
    assert result.returncode == 1
    return result.stderr


def test_failing_cell_names_page_line_and_error(tmp_path):
    message = failing(tmp_path, "---\ntitle: Bad\n---\n\n```{python}\n#| label: broken\n1 / 0\n```\n")
    assert "bad.qmd:5: cell broken failed" in message
    assert "ZeroDivisionError" in message
    assert "1 / 0" in message


def test_unknown_reference_fails(tmp_path):
    assert "unknown cross-reference @fig-none" in failing(tmp_path, "See @fig-none.\n")


def test_unknown_citation_fails(tmp_path):
    assert "nobody2000" in failing(tmp_path, "See [@nobody2000].\n")


def test_results_are_kept_and_made_anew_when_the_code_changes(tmp_path):
    page = "---\ntitle: Cache\n---\n\n```{python}\n%s\n```\n"
    (tmp_path / "_quarto.yml").write_text("project:\n  type: website\nwebsite:\n  title: Cache\n")
    runs = tmp_path / "runs"
    for value in ("1", "1", "2"):
        code = f"open({str(runs)!r}, 'a').write('.')\nprint('value', {value})"
        (tmp_path / "index.qmd").write_text(page % code)
        assert render(tmp_path, tmp_path / "out", "--renderer", "embedded").returncode == 0
        assert f"value {value}" in (tmp_path / "out" / "index.html").read_text()
    assert runs.read_text() == ".."
