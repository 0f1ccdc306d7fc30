"""The schemas that `mlsysim schema` exports hold for the JSON of every command."""

import csv
import io
import json

import jsonschema
import pytest

from mlsysim.cli.schemas import FILES, KINDS
from tests.cli.calls import call

SCENARIO = """
model: Llama3_8B
fleet: Research_256
batch_size: 256
region: Quebec
duration_days: 30
storage_bandwidth: 100 GB/s
assert: ["mfu > 20 %"]
"""
PLACES = ("--fleet", "Research_256", "--regions", "Quebec,Poland", "--days", "30")
EXAMPLES = {
    "eval": [
        ("Llama3_8B", "H100"),
        ("Llama3_70B", "H100", "--breakdown"),
        ("Llama3_70B", "H100", "--offload"),
        ("Llama3_70B", "H100", "-f", "operator", "-t", "4", "--explain"),
        ("ResNet50", "T4"),
        ("ResNet50", "CloudAI100", "-p", "int8"),
        ("SCENARIO",),
        ("SCENARIO", "--walls"),
        ("CHAT", "--walls"),
    ],
    "serve": [
        ("Llama3_8B", "H100"),
        ("Llama3_70B", "H100"),
        ("Llama3_70B", "H100", "-b", "64", "-s", "1024", "-n", "1024", "-p", "fp8", "-f", "operator", "-t", "4"),
        ("Llama3_70B", "H200", "-p", "fp8", "--draft", "Llama3_8B", "--acceptance", "0.8", "--explain"),
    ],
    "train": [
        ("GPT2", "H100"),
        ("ResNet50", "H100", "--offload"),
        ("Llama3_8B", "H100", "--lora-rank", "16", "--explain"),
        ("Llama3_70B", "H100"),
        ("Llama3_8B", "--fleet", "Research_256"),
        ("Llama3_70B", "--fleet", "Research_256", "-b", "256", "-t", "8", "--pp-size", "4", "--explain"),
    ],
    "lower": [("Llama3_8B",), ("ResNet50", "--phase", "training"), ("Llama3_8B", "-t", "2")],
    "sweep": [
        ("ResNet50,Llama3_8B", "Cloud", "-b", "1,8"),
        ("Llama3_8B", "T4", "-s", "128:512:2x"),
        ("ResNet50", "T4", "--where", "latency < 1 ns"),
        ("Llama3_70B", "H200", "--ask", "serve", "-f", "operator", "-t", "4,8", "--set", "output_tokens=64"),
        ("GPT2", "H100", "--ask", "train", "-b", "1:3", "--set", "optimizer=adam,sgd", "--set", "offload=true"),
        ("Llama3_8B", "--ask", "train", "--fleet", "Research_256", "-b", "256", "--set", "tp_size=1,2"),
    ],
    "solve": [
        (),
        ("EconomicsModel", "fleet=Research_256", "duration_days=30", "grid=Quebec", "mfu=0.4"),
        ("ReliabilityModel", "fleet=Llama3_16K", "job_duration_hours=1296", "checkpoint_time_s=120", "--explain"),
        ("SensitivitySolver", "model=Llama3_8B", "hardware=H100"),
        ("SingleNodeModel", "model=Llama3_70B", "hardware=H100"),
    ],
    "optimize parallelism": [
        ("Llama3_8B", "H100", "--devices", "8", "-b", "16", "--zero-stages", "1,3"),
        ("Llama3_70B", "H100", "--devices", "1", "-b", "2"),
    ],
    "optimize batching": [
        ("Llama3_8B", "H100", "--arrival-rate", "10", "--sla", "20 s", "-s", "128"),
        ("Llama3_8B", "H100", "--arrival-rate", "1000", "--sla", "2 s", "-s", "128", "--max-search-batch", "8"),
        ("ResNet50", "H100", "--arrival-rate", "10", "--sla", "20 s"),
    ],
    "optimize placement": [
        PLACES,
        (*PLACES, "--latency", "Quebec=9ms", "--latency", "Poland=9ms", "--max-latency", "1 ms", "--explain"),
    ],
    "validate": [("BENCH",), ("BENCH", "--by", "model"), ("BENCH", "--by", "metric", "--level", "datasheet")],
    "zoo": [("hardware",), ("models",), ("systems",), ("infra",), ("hardware", "H100")],
    "cite": [("H100", "tdp"), ("H100",), ("Quebec",)],
    "walls": [(), ("2",)],
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenarios")
    (folder / "run.yaml").write_text(SCENARIO)
    (folder / "chat.yaml").write_text("model: Llama3_8B\nhardware: H100\narrival_rate_qps: 2\noutput_tokens: 64\n")
    (folder / "bench.csv").write_text(
        "model,system,engine,precision,tensor_parallel,input_tokens,output_tokens,concurrency,ttft_ms,tpot_ms\n"
        "8B,h200_sxm,vllm,fp8,1,512,256,8,60,6.5\n9B,h200_sxm,vllm,fp8,1,512,256,8,60,6.5\n"
    )
    names = {"SCENARIO": "run.yaml", "CHAT": "chat.yaml", "BENCH": "bench.csv"}
    return {name: str(folder / file) for name, file in names.items()}


def schema_of(command):
    schema = json.loads(call("schema", *command.split()).stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    return schema


def test_each_command_that_answers_has_a_schema():
    assert {*EXAMPLES, "audit"} == set(KINDS) - set(FILES)


@pytest.mark.parametrize("command", EXAMPLES)
def test_real_answers_satisfy_their_schema(command, files):
    schema = schema_of(command)
    for arguments in EXAMPLES[command]:
        named = [files.get(argument, argument) for argument in arguments]
        done = call(*command.split(), *named, "--output", "json")
        assert done.returncode in (0, 3), done.stderr
        jsonschema.validate(json.loads(done.stdout), schema)


@pytest.mark.parametrize("command", EXAMPLES)
def test_csv_is_one_table_with_a_header(command, files):
    for arguments in EXAMPLES[command]:
        named = [files.get(argument, argument) for argument in arguments if argument != "--explain"]
        done = call(*command.split(), *named, "--output", "csv")
        assert done.returncode in (0, 3), done.stderr
        header, *rows = csv.reader(io.StringIO(done.stdout))
        assert header or done.returncode == 3
        assert {len(row) for row in rows} <= {len(header)}


def test_a_changed_answer_breaks_the_schema():
    answer, schema = json.loads(call("serve", "Llama3_8B", "H100", "-o", "json").stdout), schema_of("serve")
    for change in ({"ttft": None}, {"ttft": "3 ms"}, {"feasible": "yes"}, {"extra": 1}, {"result": "Other"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(answer | change, schema)
    with pytest.raises(jsonschema.ValidationError, match="'itl' is a required property"):
        jsonschema.validate({name: value for name, value in answer.items() if name != "itl"}, schema)


def test_a_derivation_has_no_csv():
    done = call("eval", "Llama3_8B", "H100", "--explain", "-o", "csv")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--explain" in done.stderr
