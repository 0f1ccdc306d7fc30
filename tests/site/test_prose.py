"""No result is typed by hand: prose has numbers with units only where a cell computed them."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "index.qmd", *sorted(ROOT.glob("tutorials/*.qmd")), *sorted(ROOT.glob("guide/*.qmd"))]
COMPUTED = re.compile(r"\A---\n.*?\n---\n|^```.*?^```$|`\{python\}[^`]*`|`[^`]*`|\$\$.*?\$\$|\$[^$\n]*\$", re.S | re.M)
UNITS = (
    r"[kMGTPE]i?B(/s)?|[kMGTPE]?FLOPs?(/s|/byte|/B)?|TOPS|[nµum]?s|seconds?|minutes?|hours?|days?|years?|[kM]?Wh?|[mk]?J|%"
    r"|times|-fold|dollars?|USD|[kM]?g|tokens? a second|images? a second|percent|per cent"
)
TYPED = re.compile(rf"(?<![\w.-])\d[\d,.]*\s?({UNITS})(?![\w/])")


def typed_results(text: str) -> list[str]:
    """Return the numbers with a unit that stand in prose outside cells, code and maths."""
    return [match[0] for match in TYPED.finditer(COMPUTED.sub(" ", text))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_number_with_a_unit_is_typed_in_prose(page):
    assert typed_results(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text", ["It takes 4.8 ms.", "16 GB of weights", "3.2 times", "grew 18-fold", "at 295 FLOP/byte"]
)
def test_the_lint_sees_typed_results(text):
    assert len(typed_results(text)) == 1


@pytest.mark.parametrize(
    "text", ['It takes `{python} f"{x:.1f} ms"`.', "batch 64 in fp16", "Llama-3 8B", "$2 s$", "22 walls"]
)
def test_the_lint_passes_what_is_computed_or_no_result(text):
    assert typed_results(text) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_figure_has_alt_text_and_both_themes(page):
    cells = re.findall(r"^```\{python\}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.S | re.M)
    figures = [cell for cell in cells if "#| label: fig-" in cell]
    assert figures
    for cell in figures:
        assert "#| fig-alt: " in cell
        assert "#| renderings: [light, dark]" in cell
