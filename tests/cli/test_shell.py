"""The command line and the shell: completion, versions, closed pipes, Ctrl-C."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import mlsysim
from tests.cli.calls import call

COMMAND = str(Path(sys.executable).with_name("mlsysim"))
SHELL = {"PATH": os.environ["PATH"], "COLUMNS": "100"}


def completed(words: str) -> set[str]:
    setting = {"_MLSYSIM_COMPLETE": "complete_bash", "COMP_WORDS": f"mlsysim {words}"}
    setting["COMP_CWORD"] = str(len(words.split(" ")))
    done = subprocess.run([COMMAND], capture_output=True, text=True, env=SHELL | setting)
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("words", "choices"),
    [
        ("eval Llama3_7", {"Llama3_70B"}),
        ("eval GPT2 H10", {"H100", "H100_PCIe", "H100_NVL"} & set(mlsysim.Hardware.names)),
        ("train Llama3_8B --fleet Research", {"Research_256"}),
        ("train Llama3_8B --optimizer adam_", {"adam_8bit"}),
        ("train Llama3_8B --schedule ", {"1f1b", "zero-bubble"}),
        ("train Llama3_8B --recompute ", {"none", "selective", "full"}),
        ("train Llama3_8B H100 --devices 64 --fabric InfiniBand_N", {"InfiniBand_NDR"}),
        ("optimize p", {"parallelism", "placement"}),
        ("validate --by s", {"source"}),
        ("validate --level da", {"datasheet"}),
        ("optimize placement --regions Quebec,Polan", {"Quebec,Poland"}),
        ("sweep Llama3_8B,GPT", {f"Llama3_8B,{name}" for name in mlsysim.Models.names if name.startswith("GPT")}),
        ("sweep Llama3_8B Clou", {"Cloud", "CloudAI100", "CloudAI100Ultra"}),
        ("sweep Llama3_8B H100 --precision fp16,bf", {"fp16,bf16"}),
        ("sweep Llama3_8B H100 --best latency_co", {"latency_compute"}),
        ("zoo infra Queb", {"Quebec"}),
        ("zoo models --sort Param", {"Parameters"}),
        ("cite H100 memory.b", {"memory.bandwidth"}),
        ("schema optim", {"optimize"}),
    ],
)
def test_the_tab_key_offers_names(words, choices):
    assert completed(words) == choices


def test_completion_can_be_installed(tmp_path):
    setting = SHELL | {"HOME": str(tmp_path)}
    command = f"{COMMAND} --install-completion; exit $?"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=setting)
    assert done.returncode == 0, done.stderr
    script = tmp_path / ".bash_completions" / "mlsysim.sh"
    assert "_MLSYSIM_COMPLETE" in script.read_text()
    assert str(script) in (tmp_path / ".bashrc").read_text()


def test_the_version_is_that_of_the_package():
    assert call("--version").stdout == f"mlsysim {mlsysim.__version__}\n"


@pytest.mark.parametrize("words", [(), ("optimize",)])
def test_without_a_command_there_is_help(words):
    done = call(*words)
    assert done.returncode == 0
    assert "Usage: mlsysim" in done.stdout
    assert "╭─ Commands" in done.stdout


def test_each_command_teaches_by_an_example():
    for name in ("eval", "serve", "train", "sweep", "lower", "audit", "zoo", "cite", "schema", "walls"):
        assert re.search(rf"(?<!Usage: )mlsysim {name}\b", call(name, "--help").stdout)
    for name in ("parallelism", "batching", "placement"):
        assert re.search(rf"(?<!Usage: )mlsysim optimize {name}\b", call("optimize", name, "--help").stdout)


@pytest.mark.parametrize("words", ["zoo hardware -o markdown", "sweep ResNet50 T4 -b 1:9000 -o csv", "--help"])
def test_a_closed_pipe_ends_quietly(words):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([COMMAND, *words.split()], stdout=writing, stderr=subprocess.PIPE, text=True, env=SHELL)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_ctrl_c_ends_quietly(tmp_path):
    pipe = tmp_path / "scenario.yaml"
    os.mkfifo(pipe)
    process = subprocess.Popen([COMMAND, "eval", str(pipe)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=SHELL)
    with pipe.open("w"):  # opens when the command reads
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, b"", b"")
