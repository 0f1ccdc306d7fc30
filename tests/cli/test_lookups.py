"""`cite`, `schema`, and `zoo` with its filters."""

import csv
import io
import json

import jsonschema
import pytest
import yaml

from mlsysim import Hardware
from tests.cli.calls import call
from tests.cli.test_commands import run


def test_cite_gives_value_condition_and_source():
    out = run("cite", "Hardware.Cloud.H100", "memory.capacity").stdout
    assert out.startswith("memory.capacity of NVIDIA H100 SXM5 80GB: 81559 MiB\n")
    assert "Condition: as nvidia-smi reports" in out
    assert "Quoted:    80 GB" in out
    assert "https://" in out


def test_cite_gives_json():
    figure = json.loads(run("cite", "H100", "memory.bandwidth", "-o", "json").stdout)
    assert (figure["value"], figure["unit"]) == (3.35, "TB/s")
    assert figure["cited"].startswith("NVIDIA (2023)")


def test_cite_of_a_whole_entry_lists_its_figures():
    rows = json.loads(run("cite", "Cloud.T4", "-o", "json").stdout)
    assert {row["Figure"] for row in rows} == set(Hardware.T4.figures)


@pytest.mark.parametrize("name", ["Hardware.Cloud.H100", "Hardware.H100", "Cloud.H100", "H100"])
def test_an_entry_is_found_by_any_of_its_names(name):
    assert "3.35 TB/s" in run("cite", name, "memory.bandwidth").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("cite", "H100", "memory.bandwith"), "did you mean 'memory.bandwidth'"),
        (("cite", "Hardware.Tiny.H100", "tdp"), "unknown entry"),
        (("cite", "H10", "tdp"), "unknown entry"),
        (("schema", "hardwear"), "did you mean 'hardware'"),
        (("zoo", "hardware", "--sort", "Bandwith"), "did you mean 'Bandwidth'"),
    ],
)
def test_bad_lookups_end_with_2(arguments, words):
    done = run(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_zoo_filters_and_sorts_by_value_not_by_text():
    rows = json.loads(
        run("zoo", "hardware", "--match", "nvidia", "--sort", "Bandwidth", "--descending", "-o", "json").stdout
    )
    assert all("NVIDIA" in row["Device"] for row in rows)
    order = [row["Name"].split(".")[1] for row in rows]
    assert order.index("B200") < order.index("H100") < order.index("T4")


@pytest.mark.parametrize(
    ("kind", "files"),
    [
        ("hardware", [f"hardware/data/{name}.yaml" for name in ("cloud", "workstation", "mobile", "edge", "tiny")]),
        ("model", [f"models/data/{name}.yaml" for name in ("language", "vision", "tiny", "generative", "speech")]),
        ("grid", ["infra/data/grids.yaml", "infra/data/datacenters.yaml"]),
        ("system", [f"systems/data/{name}.yaml" for name in ("fabrics", "nodes", "clusters")]),
    ],
)
def test_our_own_files_satisfy_the_schema(kind, files):
    import mlsysim

    schema = json.loads(run("schema", kind).stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    for file in files:
        path = f"{mlsysim.__path__[0]}/{file}"
        with open(path, encoding="utf-8") as stream:
            jsonschema.validate(yaml.safe_load(stream), schema)


def test_the_schema_refuses_a_figure_without_a_source():
    schema = json.loads(run("schema", "grid").stdout)
    grid = {"Mine": {"name": "Mine", "carbon_intensity": {"value": 100, "unit": "gCO2e/kWh"}}}
    with pytest.raises(jsonschema.ValidationError, match="'source' is a required property"):
        jsonschema.validate(grid, schema)


def rows_of(*arguments):
    return list(csv.DictReader(io.StringIO(call(*arguments, "-o", "csv").stdout)))


def test_csv_of_a_zoo_has_plain_numbers_with_their_unit_in_the_header():
    rows = {row["Name"]: row for row in rows_of("zoo", "hardware")}
    assert float(rows["Cloud.H100"]["Bandwidth [byte/s]"]) == 3.35e12
    assert int(rows["Cloud.H100"]["Year"]) == Hardware.H100.release_year
    assert rows["Cloud.CloudAI100"]["Peak fp32 [flop/s]"] == ""
    grids = {row["Name"]: row for row in rows_of("zoo", "infra")}
    header = next(name for name in grids["Grids.Quebec"] if name.startswith("Direct ["))
    assert float(grids["Grids.Quebec"][header]) > 0


def test_csv_of_an_entry_has_value_and_unit_of_each_figure():
    rows = {row["figure"]: row for row in rows_of("zoo", "hardware", "H100")}
    assert (float(rows["memory.bandwidth"]["value"]), rows["memory.bandwidth"]["unit"]) == (3.35, "TB/s")
    assert rows_of("cite", "H100") == list(rows.values())
