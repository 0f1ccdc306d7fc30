"""Figures of sweeps and of times: what stands where, and what is refused."""

import pytest

from mlsysim import Engine, Hardware, Models, viz
from mlsysim.errors import InputError, InputTypeError, UnknownName

SWEEP = Engine.sweep(Models.Llama3_8B, [Hardware.A100, Hardware.H100], [1, 64, 4096], ["fp16", "int8"])
TIMES = {"import": {"ours": 0.02, "0.1.1": 0.5, "0.3.0": 3.0}, "solve": {"ours": 2e-5, "0.1.1": 8e-4}}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_line_stands_for_each_combination_and_dots_for_what_does_not_fit(theme):
    ax = viz.plot_sweep(SWEEP, "throughput", "batch_size", theme=theme)
    held = [line for line in ax.lines if line.get_linestyle() == "-"]
    dotted = [line for line in ax.lines if line.get_linestyle() == ":"]
    assert len(held) == len(dotted) == 4
    assert all(len(line.get_xdata()) == 3 for line in dotted)
    assert sum(len(line.get_xdata()) for line in held) == SWEEP.column("feasible").sum() < len(SWEEP)
    row = SWEEP.where("hardware == 'NVIDIA H100 SXM5 80GB' and precision == 'int8'")
    line = next(line for line in held if line.get_label() == "NVIDIA H100 SXM5 80GB, int8")
    assert line.get_ydata().tolist() == row.where("feasible").column("throughput").tolist()


def test_names_on_an_axis_are_not_joined():
    ax = viz.plot_sweep(SWEEP.where("batch_size == 64"), "latency", "hardware")
    assert {line.get_linestyle() for line in ax.lines if len(line.get_xdata()) > 1} == {"None"}
    assert [text.get_text() for text in ax.get_xticklabels()] == ["NVIDIA A100 SXM4 80GB", "NVIDIA H100 SXM5 80GB"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("sweep", "latency"), InputTypeError, "sweep must be a result of Engine.sweep"),
        ((SWEEP.where("batch_size > 5000"), "latency"), InputError, "no row is left"),
        ((SWEEP, "bottleneck"), InputError, "no numbers to draw"),
        ((SWEEP, "latency", "batch"), UnknownName, "did you mean 'batch_size'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        viz.plot_sweep(*arguments)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_times_stand_by_who_does_the_work(theme):
    ax = viz.plot_times(TIMES, theme=theme)
    marks = {line.get_label(): line.get_xdata() for line in ax.lines if not line.get_label().startswith("_")}
    assert {name: [*values] for name, values in marks.items()} == {
        "ours": [0.02, 2e-5],
        "0.1.1": [0.5, 8e-4],
        "0.3.0": [3.0],
    }
    assert [text.get_text() for text in ax.get_yticklabels()] == ["import", "solve"]
    assert ax.get_xscale() == "log"


@pytest.mark.parametrize(
    ("times", "error", "message"),
    [
        ({}, InputError, "at least one"),
        ({"import": {"ours": 0.0}}, InputError, "above 0"),
        ({"import": 3.0}, InputTypeError, "seconds by work"),
        ({"import": dict.fromkeys("abcdef", 1.0)}, InputError, "at most 5"),
    ],
)
def test_times_that_mean_nothing_are_refused(times, error, message):
    with pytest.raises(error, match=message):
        viz.plot_times(times)
