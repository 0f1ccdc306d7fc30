"""The figure of an audit: a mark for each time, the error beside it."""

import matplotlib
import pytest

matplotlib.use("Agg")

from mlsysim import viz
from mlsysim.errors import InputTypeError
from mlsysim.viz.style import THEMES, plt
from tests.audit.test_audit import BOX


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("theme", THEMES)
def test_each_time_has_its_mark_and_each_row_its_error(theme):
    axes = viz.plot_audit(BOX, theme=theme)
    rows = BOX.plain["predictions"]
    drawn = [[float(x) for x, _ in marks.get_offsets()] for marks in axes.collections]
    assert drawn == [[row[name] for row in rows] for name in ("measured", "operators", "roofline")]
    assert [text.get_text() for text in axes.texts] == [f"{row['error']:+.0%}" for row in rows]
    assert [label.get_text() for label in axes.get_yticklabels()] == [row["shows"] for row in rows]


def test_what_is_no_audit_is_refused():
    with pytest.raises(InputTypeError, match="audit must be"):
        viz.plot_audit({})
