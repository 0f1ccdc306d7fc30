"""The figures of validation: what they draw, in both themes, and what they refuse."""

from __future__ import annotations

import matplotlib
import pytest

matplotlib.use("Agg")

from mlsysim import viz
from mlsysim.errors import InputError, InputTypeError, UnknownName
from mlsysim.validation.records import Measurement
from mlsysim.validation.report import Comparison, Report
from mlsysim.viz.style import THEMES, plt


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def record(name, hardware):
    return Measurement(
        id=name,
        domain="serving" if name < "m" else "training",
        inputs={"hardware": hardware},
        measured={"tpot": {"value": 10, "unit": "ms"}},
        source={"title": "mine"},
    )


def report(number=5):
    """Ratios 1.1, 1.2, ... on devices of their own, and one record without an answer."""
    found = [
        Comparison(record("abcdefghnopq"[at], f"H{at}"), "tpot", 11.0 + at, 10.0, 10.0 * (1 + at), headline=True)
        for at in range(number)
    ]
    return Report([*found, Comparison(record("z", "H0"), "tpot", None, 10.0, skipped_because="why")], "fitted")


def points(axes):
    return {
        line.get_label(): list(zip(*line.get_data(), strict=True)) for line in axes.lines if line.get_marker() == "o"
    }


@pytest.mark.parametrize("theme", THEMES)
def test_each_record_is_a_point(theme):
    axes = viz.plot_predictions(report(), theme=theme)
    assert points(axes) == {"serving: tpot": [(10.0, 11.0 + at) for at in range(5)]}
    assert axes.get_xlim() == axes.get_ylim()
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")


def test_the_diagonal_and_its_half_and_double():
    lines = [line.get_data() for line in viz.plot_predictions(report()).lines if line.get_marker() == "None"]
    assert [y[0] / x[0] for x, y in lines] == pytest.approx([0.5, 1, 2])


def test_the_line_through_a_point_is_its_band():
    found = report(2)
    banded = found.comparisons[0]._replace(low=9.0, high=14.0)
    axes = viz.plot_predictions(Report([banded, *found.comparisons[1:]], "fitted"))
    (lines,) = axes.collections
    assert [line.tolist() for line in lines.get_segments()] == [[[10.0, 9.0], [10.0, 14.0]]]


def test_the_smallest_groups_are_drawn_as_others():
    drawn = points(viz.plot_predictions(report(10), by="hardware"))
    assert len(drawn) == 6
    assert len(drawn["others"]) == 5
    assert sum(map(len, drawn.values())) == 10


def test_one_domain_alone():
    drawn = points(viz.plot_predictions(report(10), "training"))
    assert list(drawn) == ["training: tpot"]
    assert len(drawn["training: tpot"]) == 2


@pytest.mark.parametrize("theme", THEMES)
def test_the_spread_of_a_group(theme):
    """By hand: of 1.1, 1.2, 1.3, 1.4, 1.5 the median is 1.3, the middle half 1.2 to 1.4, four fifths 1.14 to 1.46."""
    axes = viz.plot_errors(report(), theme=theme)
    dots, thin, thick, cross, _ = axes.lines
    assert sorted(dots.get_xdata()) == pytest.approx([1.1, 1.2, 1.3, 1.4, 1.5])
    assert list(thin.get_xdata()) == pytest.approx([1.14, 1.46])
    assert list(thick.get_xdata()) == pytest.approx([1.2, 1.4])
    assert list(cross.get_xdata()) == pytest.approx([1.3])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["serving (5)"]
    assert max(abs(height) for height in dots.get_ydata()) <= 0.25


def test_a_group_of_one_has_a_point_only():
    axes = viz.plot_errors(report(2), "hardware")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["H0 (1)", "H1 (1)"]
    assert [line.get_marker() for line in axes.lines] == [".", ".", "None"]


@pytest.mark.parametrize("plot", [viz.plot_predictions, viz.plot_errors])
def test_what_is_no_report(plot):
    with pytest.raises(InputTypeError, match="report must be what validate returned; got 3"):
        plot(3)
    with pytest.raises(InputError, match="report must have an answer"):
        plot(report(0))
    with pytest.raises(UnknownName, match="unknown grouping 'vendor'"):
        plot(report(), by="vendor")
    with pytest.raises(UnknownName, match="theme"):
        plot(report(), theme="grey")


def test_an_unknown_domain():
    with pytest.raises(UnknownName, match="unknown domain 'servin'; did you mean 'serving'"):
        viz.plot_predictions(report(), "servin")
