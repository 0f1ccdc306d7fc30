"""Records: validated, frozen, each figure with a source that exists; registries find names and suggest near ones."""

from __future__ import annotations

import copy
import math
import pickle

import pytest
from pydantic import BaseModel, ValidationError

from mlsysim import Engine, Hardware, Infra, Models, Systems
from mlsysim.errors import InputError, UnknownName
from mlsysim.hardware.registry import UNIVERSAL
from mlsysim.hardware.types import HardwareNode, MemoryHierarchy
from mlsysim.records import Catalog, Figure, FrozenDict, RecordError, Registry, once, split_figures
from mlsysim.references import reference, source_of
from mlsysim.units import Q_

CATALOGS = [Hardware, Models, Systems, Infra]
ENTRIES = [
    pytest.param(catalog, group, name, id=f"{group}.{name}")
    for catalog in CATALOGS
    for group, registry in catalog.groups.items()
    for name in registry.names
]
every_entry = pytest.mark.parametrize(("catalog", "group", "name"), ENTRIES)


def figures(record):
    """Every figure of a record, by path, those of the records inside it too."""
    found = {f"published.{path}": figure for path, figure in getattr(record, "published", {}).items()}
    return found | getattr(record, "figures", {})


@every_entry
def test_an_entry_has_one_object_and_two_names(catalog, group, name):
    registry = catalog.groups[group]
    assert getattr(registry, name) is registry[name] is getattr(catalog, name) is catalog[name]


@every_entry
def test_every_figure_has_a_source_with_an_address(catalog, group, name):
    record = catalog[name]
    assert figures(record) or "No count" in record.note
    for path, figure in figures(record).items():
        assert source_of(figure.source).url, f"{path} cites {figure.source}, which has no address"
        assert math.isfinite(figure.value)
        assert figure.value > 0


@every_entry
def test_every_quantity_is_a_figure_with_its_source(catalog, group, name):
    """Whatever a record holds as a quantity or a measured fraction stands in its figures, with the same value."""

    def quantities(record, path=""):
        for field in type(record).model_fields:
            value, below = getattr(record, field), f"{path}.{field}" if path else field
            if isinstance(value, BaseModel) and field not in {"accelerator", "node", "fabric", "region"}:
                yield from quantities(value, below)
            elif isinstance(value, dict) and field not in {"figures", "published"}:
                yield from ((f"{below}.{key}", item) for key, item in value.items())
            elif isinstance(value, Q_):
                yield below, value

    record = catalog[name]
    derived = {"compute.peak_flops", "intra_node_bw"}
    if isinstance(record, HardwareNode) and record.memory.flash_capacity is not None:
        derived |= {"memory.capacity", "memory.bandwidth"}
    for path, value in quantities(record):
        if path not in derived:
            assert record.figures[path].quantity == value, path


@every_entry
def test_an_entry_is_frozen_to_the_bottom(catalog, group, name):
    record = catalog[name]
    with pytest.raises(ValidationError, match=r"frozen"):
        record.name = "other"
    with pytest.raises(TypeError, match=r"frozen"):
        record.figures["tdp"] = None


@every_entry
def test_an_entry_survives_copying_and_pickling(catalog, group, name):
    record = catalog[name]
    assert pickle.loads(pickle.dumps(record)) == record
    assert copy.deepcopy(record) == record


@pytest.mark.parametrize("mapping", ["compute.precision_flops", "compute.sparse_flops", "efficiency", "figures"])
def test_no_mapping_of_a_device_can_be_changed(mapping):
    inside = Hardware.H100
    for part in mapping.split("."):
        inside = getattr(inside, part)
    before = dict(inside)
    for change in (inside.clear, inside.popitem, lambda: inside.update(fp16=1), lambda: inside.pop("fp16", None)):
        with pytest.raises(TypeError, match=r"frozen"):
            change()
    assert inside == before


def test_a_default_mapping_is_frozen_too():
    node = HardwareNode(
        name="x", compute={"peak_flops": "1 TFLOP/s"}, memory={"capacity": "1 GB", "bandwidth": "1 GB/s"}
    )
    assert isinstance(node.efficiency, FrozenDict)
    assert isinstance(node.compute.sparse_flops, FrozenDict)


@pytest.mark.parametrize("figure", UNIVERSAL, ids=UNIVERSAL.names)
def test_universal_constants_have_a_source(figure):
    assert figure.value > 0
    assert reference(figure.source).url


@every_entry
def test_sources_of_shapes_exist(catalog, group, name):
    if (source := getattr(catalog[name], "shape_source", None)) is not None:
        assert source_of(source).url


@pytest.mark.parametrize("catalog", CATALOGS, ids=lambda catalog: catalog._kind)
def test_short_names_are_unambiguous(catalog):
    assert len(set(catalog.names)) == len(catalog.names)
    assert not set(catalog.names) & set(catalog.groups)


@pytest.mark.parametrize("catalog", CATALOGS, ids=lambda catalog: catalog._kind)
def test_a_catalog_is_a_collection_whose_entries_complete(catalog):
    assert len(catalog) == len(catalog.names) == len(list(catalog))
    assert set(catalog.names) | set(catalog.groups) <= set(dir(catalog))
    assert catalog.names[0] in catalog
    assert "nope" not in catalog
    for registry in catalog.groups.values():
        assert set(registry.names) <= set(dir(registry))


@pytest.mark.parametrize(
    ("look", "message"),
    [
        (lambda: Hardware.H10, "unknown hardware 'H10'; did you mean 'H100'?"),
        (lambda: Hardware.Cloud.A101, "unknown hardware 'A101'; did you mean 'A10'?"),
        (lambda: Hardware["h100"], "unknown hardware 'h100'; did you mean 'H100'?"),
        (lambda: Hardware.Clod, "unknown hardware 'Clod'; did you mean 'Cloud'?"),
        (lambda: Hardware[3], "unknown hardware 3; Allowed: "),
        (lambda: Models.Llama3_8, "unknown model 'Llama3_8'; did you mean 'Llama3_8B'?"),
        (lambda: Models.Language.GTP3, "unknown model 'GTP3'; did you mean 'GPT3'?"),
        (lambda: Systems.Nodes.DGX_H10, "unknown node 'DGX_H10'; did you mean 'DGX_H100'?"),
        (lambda: Systems.Fabrics.Infiniband_NDR, "unknown fabric 'Infiniband_NDR'; did you mean 'InfiniBand_NDR'?"),
        (lambda: Infra.Narnia, "unknown grid 'Narnia'; "),
        (lambda: Infra.Grids.Quebek, "unknown grid 'Quebek'; did you mean 'Quebec'?"),
    ],
)
def test_a_misspelt_name_gets_the_nearest_one(look, message):
    with pytest.raises(UnknownName) as caught:
        look()
    assert str(caught.value).startswith(message)
    assert "Allowed: " in str(caught.value)


def test_attribute_access_keeps_the_contract_of_python():
    assert not hasattr(Hardware, "nope")
    assert not hasattr(Hardware.Cloud, "_repr_html_")
    assert getattr(Models, "nope", None) is None
    assert hasattr(Hardware, "H100")


def test_a_registry_reads_its_file_only_when_asked():
    registry = Registry("thing", lambda raw: raw, "no.such.package", "nothing")
    Catalog("thing", Group=registry)
    with pytest.raises(ModuleNotFoundError):
        list(registry)


def test_a_record_is_built_only_when_asked():
    built = []
    registry = Registry("hardware", lambda raw: built.append(raw["name"]), "mlsysim.hardware", "cloud")
    assert registry.names
    assert not built
    registry["H100"]
    assert built == ["NVIDIA H100 SXM5 80GB"]


def test_figures_are_split_from_a_raw_record():
    raw = {"name": "x", "memory": {"capacity": {"value": 80, "unit": "GiB", "source": "modal2025memory"}}}
    plain, found = split_figures(raw)
    assert plain == {"name": "x", "memory": {"capacity": Q_(80, "GiB")}}
    assert found == {"memory.capacity": Figure(value=80, unit="GiB", source="modal2025memory")}


@pytest.mark.parametrize("missing", ["value", "unit", "source"])
def test_a_figure_without_value_unit_or_source_is_refused(missing):
    raw = {"value": 80, "unit": "GiB", "source": "modal2025memory"}
    del raw[missing]
    with pytest.raises(InputError, match=missing):
        Figure(**raw)


def test_a_message_says_once_what_was_given():
    with pytest.raises(RecordError) as caught:
        MemoryHierarchy(capacity="80 GiB", bandwidth="3350 GB")
    assert (
        str(caught.value)
        == "MemoryHierarchy.bandwidth: it must be a quantity in byte/s; got <Quantity(3350, 'gigabyte')>"
    )


def test_a_copy_with_other_facts_keeps_nothing_that_was_worked_out_of_the_first():
    device, model = Hardware.H100, Models.Llama3_8B
    assert device.plain.tdp == 700
    assert model.parameter_count == 8_030_261_248
    before = Engine.solve(model, device).energy
    halved = device.model_copy(update={"tdp": Q_(350, "W")})
    assert halved.plain.tdp == 350
    assert Engine.solve(model, halved).energy.m == pytest.approx(before.m / 2, rel=1e-12)
    assert model.model_copy(update={"layers": 16}).parameter_count == model.parameter_count - 16 * 218_112_000
    for deep in (True, False):
        assert device.model_copy(update={"kernel_fits": None}, deep=deep).kernels is None
        assert device.model_copy(deep=deep).plain == device.plain


@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, lambda record: pickle.loads(pickle.dumps(record))])
def test_a_copy_carries_facts_only(twin):
    device = Hardware.H100
    Engine.solve(Models.Llama3_8B, device, fidelity="operator")
    assert vars(device).keys() > type(device).model_fields.keys()
    assert vars(twin(device)).keys() == type(device).model_fields.keys()
    assert twin(device) == device


def test_what_is_asked_once_of_a_record_is_kept_with_it_and_not_with_its_copies():
    asked = []

    @once
    def shout(record, times, end):
        asked.append((record.name, times, end))
        return record.name.upper() * times + end

    device = Hardware.T4.model_copy(update={"name": "one"})
    assert [shout(device, 2, "!"), shout(device, 2, "!"), shout(device, 1, "?")] == ["ONEONE!", "ONEONE!", "ONE?"]
    assert asked == [("one", 2, "!"), ("one", 1, "?")]
    assert shout(device.model_copy(update={"name": "two"}), 2, "!") == "TWOTWO!"
    assert shout(device.model_copy(), 2, "!") == "ONEONE!"
    assert len(asked) == 4


def test_a_device_with_another_peak_or_other_kernels_is_measured_anew():
    device, model = Hardware.H100, Models.Llama3_8B
    asked = {"phase": "prefill", "seq_len": 2048}
    before = Engine.solve(model, device, **asked)
    slow = device.model_copy(
        update={"compute": device.compute.model_copy(update={"precision_flops": FrozenDict(fp16=Q_(100, "TFLOP/s"))})}
    )
    assert Engine.solve(model, slow, **asked).latency > 5 * before.latency
    untimed = device.model_copy(update={"kernel_fits": None})
    for fidelity in ("roofline", "operator"):
        sources = [Engine.solve(model, one, fidelity=fidelity).efficiency_source for one in (device, untimed, device)]
        assert sources[0] == sources[2] != sources[1]
        assert "universal" in sources[1]
    assert Engine.solve(model, device, **asked) == before
