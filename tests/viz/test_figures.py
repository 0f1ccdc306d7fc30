"""Each figure of the site: what it draws, in both themes, and what it refuses."""

from pathlib import Path

import matplotlib
import pytest

matplotlib.use("Agg")

from mlsysim import Engine, Hardware, Infra, Models, Systems, viz
from mlsysim.core.walls import WALLS
from mlsysim.errors import InputError, InputTypeError, UnknownName
from mlsysim.viz.style import THEMES, plt
from publish.readme import draw


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture
def decode():
    return Engine.solve(Models.Llama3_8B, Hardware.H100)


def labels(axes):
    return [text.get_text() for text in axes.texts]


def test_roofline_is_logarithmic_with_its_ridge_marked(decode):
    axes = viz.plot_roofline(Hardware.H100, [decode])
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    roof, ridge = axes.lines[:2]
    assert ridge.get_xdata()[0] == pytest.approx(989.4 / 3.35, rel=1e-12)
    assert ridge.get_ydata()[0] == 989.4e12
    assert roof.get_ydata()[0] == pytest.approx(3.35e12 * roof.get_xdata()[0], rel=1e-12)
    assert any("295.3 FLOP/B" in label for label in labels(axes))


def test_a_point_lies_at_the_intensity_and_rate_of_its_result(decode):
    axes = viz.plot_roofline(Hardware.H100, [decode], ["one token"])
    point = axes.lines[2]
    assert point.get_xdata()[0] == decode.arithmetic_intensity.magnitude
    assert point.get_ydata()[0] == pytest.approx((decode.flops / decode.latency).m_as("flop/s"), rel=1e-12)
    assert "one token" in labels(axes)


def test_memory_bound_points_lie_on_the_slope(decode):
    point = viz.plot_roofline(Hardware.H100, [decode]).lines[2]
    assert point.get_ydata()[0] == pytest.approx(3.35e12 * point.get_xdata()[0], rel=1e-9)


def test_several_devices_share_the_axes():
    axes = viz.plot_roofline([Hardware.A100, Hardware.H100, Hardware.H200])
    assert sum("ridge" in label for label in labels(axes)) == 3


def test_the_roof_is_that_of_the_precision_asked_for():
    axes = viz.plot_roofline(Hardware.H100, precision="fp8")
    assert axes.lines[1].get_ydata()[0] == 1978.9e12


def test_figures_can_be_drawn_into_given_axes(decode):
    _, (left, right) = plt.subplots(1, 2)
    assert viz.plot_roofline(Hardware.H100, [decode], ax=left) is left
    assert viz.plot_walls(ax=right) is right


@pytest.mark.parametrize("theme", THEMES)
def test_every_figure_has_a_light_and_a_dark_variant(theme, decode):
    ink = matplotlib.colors.to_hex(THEMES[theme].ink)
    batches = [Engine.solve(Models.ResNet50, Hardware.A100, batch_size=size) for size in (1, 2, 4)]
    for axes in (
        viz.plot_roofline(Hardware.H100, [decode], theme=theme),
        viz.plot_batch(batches, theme=theme),
        viz.plot_growth([Hardware.A100, Hardware.H100], theme=theme),
    ):
        assert matplotlib.colors.to_hex(axes.xaxis.label.get_color()) == ink
        assert axes.figure.get_facecolor()[3] == 0
    assert len(viz.plot_walls(theme=theme).patches) == 22


def test_the_colours_of_a_theme_are_readable_on_its_page():
    def luminance(colour):
        channels = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in matplotlib.colors.to_rgb(colour)
        ]
        return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), channels, strict=True))

    for theme, page in (("light", "#ffffff"), ("dark", "#11161d")):
        for colour in (THEMES[theme].ink, *THEMES[theme].series):
            low, high = sorted((luminance(page), luminance(colour)))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (theme, colour)


def test_batch_bounds_meet_the_throughput():
    profiles = [Engine.solve(Models.ResNet50, Hardware.A100, batch_size=2**power) for power in range(7)]
    compute, memory, throughput = viz.plot_batch(profiles).lines
    for number, profile in enumerate(profiles):
        bounds = compute.get_ydata()[number], memory.get_ydata()[number]
        assert throughput.get_ydata()[number] == pytest.approx(min(bounds), rel=1e-12)
        assert profile.bottleneck == ("Compute" if bounds[0] <= bounds[1] else "Memory")


def test_growth_is_the_ratio_to_the_first_device():
    ratios = viz.growth([Hardware.V100, Hardware.A100, Hardware.H100])
    assert ratios["peak rate"] == pytest.approx([1, 312 / 125, 989.4 / 125], rel=1e-12)
    assert ratios["memory bandwidth"] == pytest.approx([1, 2039 / 900, 3350 / 900], rel=1e-12)


def test_the_map_names_every_wall():
    shown = labels(viz.plot_walls())
    for wall in WALLS:
        assert str(wall.number) in shown
        assert wall.name in shown


def drawn(axes):
    return sum(len(line.get_xdata()) for line in axes.lines if line.get_marker() not in ("None", None, ""))


def test_the_landscapes_show_every_entry():
    assert drawn(viz.plot_hardware()) == sum(device.plain.bandwidth is not None for device in Hardware)
    assert drawn(viz.plot_models()) == len(Models)
    assert drawn(viz.plot_fabrics()) == len(Systems.Fabrics)
    assert drawn(viz.plot_grids()) == sum(grid.electricity_price is not None for grid in Infra.Grids)


def test_points_of_a_landscape_lie_where_the_records_say():
    axes = viz.plot_hardware(labelled=["H100"])
    place = next(text for text in axes.texts if text.get_text() == "H100")
    assert place.xy == (3.35e12, 989.4e12)
    assert viz.plot_grids().get_ylim()[1] > max(grid.carbon_intensity.magnitude for grid in priced())


def priced():
    return [grid for grid in Infra.Grids if grid.electricity_price is not None]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("plot", [viz.plot_hardware, viz.plot_models, viz.plot_fabrics, viz.plot_grids])
def test_landscapes_have_a_light_and_a_dark_variant(plot, theme):
    ink = matplotlib.colors.to_hex(THEMES[theme].ink)
    assert matplotlib.colors.to_hex(plot(theme=theme).xaxis.label.get_color()) == ink


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda p: viz.plot_roofline("H100"), InputTypeError, "hardware must be"),
        (lambda p: viz.plot_roofline(Hardware.Coral), InputError, "not published"),
        (lambda p: viz.plot_roofline(Hardware.H100, ["x"]), InputTypeError, r"profiles\[0\]"),
        (lambda p: viz.plot_roofline(Hardware.H100, [p], ["a", "b"]), InputError, "labels"),
        (lambda p: viz.plot_roofline(Hardware.H100, precision="fp61"), UnknownName, "fp16"),
        (lambda p: viz.plot_roofline(Hardware.H100, theme="dusk"), UnknownName, "dark"),
        (lambda p: viz.plot_batch([p]), InputError, "at least two"),
        (lambda p: viz.plot_batch([p, p]), InputError, "ascending"),
        (lambda p: viz.plot_batch([p, 3]), InputTypeError, r"profiles\[1\]"),
        (lambda p: viz.plot_growth([Hardware.H100]), InputError, "at least two"),
        (lambda p: viz.plot_growth([Hardware.H100, Hardware.Coral], precision="int8"), InputError, "not published"),
        (lambda p: viz.plot_walls(theme="Light"), UnknownName, "light"),
    ],
)
def test_what_cannot_be_drawn_is_refused(call, error, words, decode):
    with pytest.raises(error, match=words):
        call(decode)


def test_the_figure_of_the_readme_is_what_the_package_draws(tmp_path):
    for path in draw(tmp_path):
        committed = Path(__file__).parents[2] / "assets" / path.name
        assert committed.read_text() == path.read_text(), "run `make figures`"
