"""Records of one's own, and where figures come from."""

import pytest

from mlsysim import Engine, Hardware, Models, Systems
from mlsysim.errors import InputError, UnknownName

CARD = """
Mine:
  name: My card
  compute:
    peak_precision: fp16
    precision_flops:
      fp16: {value: 100, unit: TFLOP/s, source: "https://example.org/spec"}
  memory:
    capacity: {value: 24, unit: GiB, source: "https://example.org/spec"}
    bandwidth: {value: 1, unit: TB/s, source: own measurement, date: 2026-01}
"""


@pytest.fixture
def load(tmp_path):
    def write(text, encoding="utf-8"):
        path = tmp_path / "mine.yaml"
        path.write_bytes(text.encode(encoding))
        return Hardware.load(path)

    return write


def test_a_card_of_ones_own_answers_questions(load):
    mine = load(CARD)
    assert mine.names == ["Mine"]
    assert mine.Mine.ridge_point().m_as("flop/byte") == 100
    assert Engine.solve(Models.ResNet50, mine.Mine).feasible
    assert "Mine" not in Hardware


def test_its_figures_say_where_they_come_from(load):
    text = str(load(CARD).Mine.source("memory.bandwidth"))
    assert "own measurement" in text
    assert "2026-01" in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("{value: 1, unit: TB/s, source: own measurement, date: 2026-01}", "1 TB/s"), "has no source"),
        ((", source: own measurement, date: 2026-01", ""), "source"),
        (("unit: TB/s", "unit: TB"), "byte/s"),
        (("unit: TB/s", "unit: TBB"), "TBB"),
        (("value: 24", "value: -24"), "memory.capacity|MemoryHierarchy.capacity"),
        (("bandwidth:", "bandwith:"), "did you mean 'bandwidth'"),
        (("name: My card", "name: My card\n  efficiency: {fp16: 0.5}"), "efficiency.fp16 of My card has no source"),
        (("name: My card", "nmae: My card"), "did you mean 'name'"),
        (("  compute:", "  compute: 3\n  more:"), "compute|more"),
        (("Mine:", "- Mine:"), "YAML|mapping"),
        (("Mine:", "Mine: ["), "YAML"),
    ],
)
def test_a_faulty_file_is_refused_with_a_reason(load, change, words):
    with pytest.raises(InputError, match=words):
        load(CARD.replace(*change))


@pytest.mark.parametrize("text", ["", "just text", "3", "[1, 2]", "a: 1", "&a [*a, *a]"])
def test_what_is_no_mapping_of_records_is_refused(load, text):
    with pytest.raises(InputError, match=r"mapping|YAML"):
        load(text)


def test_files_that_cannot_be_read_are_refused(load, tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        Hardware.load(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="cannot be read"):
        load(CARD.replace("My card", "Mÿ card"), encoding="latin-1")


def test_catalogs_of_several_kinds_ask_for_the_group():
    with pytest.raises(InputError, match=r"Nodes.load"):
        Systems.load("mine.yaml")


def test_an_unknown_figure_names_the_nearest():
    with pytest.raises(UnknownName, match=r"did you mean 'memory.bandwidth'"):
        Hardware.H100.source("memory.bandwith")


def test_a_device_prints_its_figures_with_their_sources():
    text = str(Hardware.T4)
    assert text.startswith("NVIDIA T4\n")
    assert "memory.bandwidth" in text
    assert "320 GB/s" in text
