"""Published results: each loads and cites a source; a file that is none says what is wrong, and where."""

from __future__ import annotations

import json

import pytest

from mlsysim.errors import InputError, UnknownName
from mlsysim.references import reference
from mlsysim.validation.records import COLUMNS, DOMAINS, Measurement, load, measured_unit, published

HEADER = ",".join([*COLUMNS, "ttft_ms", "tpot_ms"])
ROW = "70B,h100_sxm,fp8,2,1024,1024,4,121.3,17.4"
ONE = {
    "id": "mine",
    "domain": "serving",
    "inputs": {"model": "Llama3_8B"},
    "measured": {"tpot": {"value": 8.2, "unit": "ms"}},
    "source": {"title": "a bench"},
}


def written(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return path


def test_the_package_has_590_results_in_ten_domains():
    assert len(published()) == 590
    assert {record.domain for record in published()} == set(DOMAINS)
    assert len({record.id for record in published()}) == 590
    assert sum(record.confidence == "memory" for record in published()) == 13


@pytest.mark.parametrize("domain", DOMAINS)
def test_each_result_cites_a_source_of_the_bibliography(domain):
    for record in published(domain):
        assert record.source.reference == reference(record.source.key)
        assert record.source.table_or_figure
        assert all(one.quantity.magnitude == one.value for one in record.measured.values())


def test_an_unknown_domain_gets_the_nearest_one():
    with pytest.raises(UnknownName, match="'serving'"):
        published("servin")


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("images/s", "1/s"),
        ("J/sample", "joule"),
        ("kgCO2e/GPU-h", "kgCO2e/hour"),
        ("failures/1000 node-days", "1/kiloday"),
        ("lbCO2e", "gCO2e"),
        ("tokens/s", "token/s"),
        ("hosts", "dimensionless"),
        ("max_x_min", None),
    ],
)
def test_what_is_counted_is_a_number(text, unit):
    if unit is None:
        with pytest.raises(InputError, match="'max_x_min' is no unit"):
            measured_unit(text)
    else:
        assert measured_unit(text).is_compatible_with(unit)


def test_a_pound_is_the_international_one():
    assert (1 * measured_unit("lbCO2e")).m_as("gCO2e") == pytest.approx(453.59237, rel=1e-12)


def test_records_load_from_a_list_and_from_an_object(tmp_path):
    (first,) = load(written(tmp_path, "list.json", json.dumps([ONE])))
    (second,) = load(written(tmp_path, "object.json", json.dumps({"records": [ONE]})))
    assert first == second
    assert (first.model, first.hardware, first.source.name) == ("Llama3_8B", "not stated", "a bench")


def test_a_record_of_the_collection_loads_as_it_was_collected(tmp_path):
    source = {
        "title": "Reducing Activation Recomputation in Large Transformer Models",
        "authors": "Korthikanti et al.",
        "year": 2022,
        "venue": "MLSys 2023",
        "table_or_figure": "Table 5",
        "url_or_doi": "https://arxiv.org/abs/2205.05198",
    }
    more = {"source": source, "description": "as found", "confidence": "memory", "note": "a note"}
    (record,) = load(written(tmp_path, "one.json", json.dumps([ONE | more])))
    assert record.source.key == "korthikanti2023reducing"
    assert record.source.reference.short == "Korthikanti et al. (2023)"
    assert record.confidence == "memory"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"domain": "servin"}, r"record 1 \(mine\): unknown domain 'servin'; did you mean 'serving'"),
        ({"measured": {}}, r"\(mine\): Measurement.measured: .*at least 1"),
        (
            {"measured": {"tpot": {"value": "fast", "unit": "ms"}}},
            r"tpot: Measured.value: must be a number; got 'fast'",
        ),
        ({"measured": {"tpot": {"value": float("nan"), "unit": "ms"}}}, "must be finite"),
        ({"measured": {"tpot": {"value": 1, "unit": "furlong"}}}, "'furlong' is no unit"),
        ({"measured": {"tpot": {"value": 1}}}, r"tpot: Measured.unit is missing"),
        ({"source": {}}, "neither a key of the bibliography nor a title"),
        ({"source": {"key": "smith2022turin"}}, "unknown reference 'smith2022turin'; did you mean 'smith2022turing'"),
        ({"input": {}}, "unknown field of Measurement 'input'; did you mean 'inputs'"),
        ({"inputs": {"count": "two"}}, "count must be a whole number of at least 1; got 'two'"),
        ({"inputs": {"tp": 1.5}}, "tp must be a whole number of at least 1; got 1.5"),
        ({"inputs": {"macs": -1}}, "macs must be a number above 0; got -1"),
        ({"inputs": {"precision": 8}}, "precision must be text; got 8"),
        ({"confidence": "sure"}, "confidence"),
        ({"id": ""}, "record 1: Measurement.id"),
    ],
)
def test_a_wrong_record_says_what_is_wrong_and_where(tmp_path, change, said):
    path = written(tmp_path, "wrong.json", json.dumps([ONE | change]))
    with pytest.raises(InputError, match=said) as error:
        load(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", "{", "cannot be read as JSON"),
        ("a.json", "3", "must be a list of records"),
        ("a.json", "[3]", "record 1: must be an object; got 3"),
        ("a.json", "[]", "holds no record"),
        ("a.json", json.dumps([ONE, ONE]), "two records have the id 'mine'"),
        ("a.txt", "x", r"read from .json or .csv; got '.txt'"),
        ("a.csv", "", "no column model, system"),
        ("a.csv", "model,system\n", "no column precision, tensor_parallel"),
        ("a.csv", f"{','.join(COLUMNS)}\n", "no column ttft_ms or tpot_ms"),
        ("a.csv", f"{HEADER}\n70B,h100_sxm", "line 2: it has not as many cells as the header, 9"),
        ("a.csv", f"{HEADER}\n{ROW.replace(',4,', ',four,')}", "line 2: concurrency .* got 'four'"),
        ("a.csv", f"{HEADER}\n{ROW.replace(',2,', ',0,')}", "line 2: tensor_parallel .* got '0'"),
        ("a.csv", f"{HEADER}\n{ROW}\n{ROW.replace('17.4', '-1')}", "line 3: tpot_ms must be a time above 0; got '-1'"),
        ("a.csv", f"{HEADER}\n{ROW.replace('121.3,17.4', ',')}", "line 2: Measurement.measured"),
    ],
)
def test_a_wrong_file_says_what_is_wrong_and_where(tmp_path, name, text, said):
    path = written(tmp_path, name, text)
    with pytest.raises(InputError, match=said) as error:
        load(path)
    assert str(path) in str(error.value)


def test_a_file_that_is_not_there():
    with pytest.raises(InputError, match=r"nowhere.json cannot be read: .*No such file"):
        load("nowhere.json")


def test_a_row_of_served_points_is_a_record(tmp_path):
    (record,) = load(written(tmp_path, "bench.csv", f"{HEADER},engine\n{ROW},vllm\n"))
    assert record.id == "bench:2"
    assert record.domain == "serving"
    assert record.hardware == "h100_sxm"
    assert record.inputs["tensor_parallel"] == 2
    assert record.inputs["engine"] == "vllm"
    assert record.measured["ttft"].quantity.m_as("s") == pytest.approx(0.1213)
    assert record.source.name == "bench.csv"


def test_a_time_that_was_not_measured_is_left_out(tmp_path):
    (record,) = load(written(tmp_path, "bench.csv", f"{HEADER}\n{ROW.replace('121.3', '')}\n"))
    assert list(record.measured) == ["tpot"]


def test_a_record_is_frozen():
    record = Measurement(**ONE)
    with pytest.raises(TypeError):
        record.inputs["model"] = "other"
