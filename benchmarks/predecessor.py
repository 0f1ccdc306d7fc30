"""Ask the predecessor's release 0.1.1 for what published results measured, where its public functions can answer.

It runs in an environment of that release alone (``pip install mlsysim==0.1.1``), from outside of this tree:

    cd /tmp && python -P …/benchmarks/predecessor.py

It asks for passes of one image or of a stated batch (`Engine.solve`) and for tokens of one model on one device
(`ServingModel.solve`), with the devices and the models that both of us have. All arguments but these are its defaults.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

HERE = Path(__file__).parent
DATA = HERE.parent / "mlsysim" / "validation" / "data"
FILE = HERE / "measured" / "predecessor.json"
VERSION = "0.1.1"

DEVICES = {
    "a100-sxm-80gb": "A100",
    "h100-sxm": "H100",
    "h200-sxm": "H200",
    "b200": "B200",
    "v100-sxm": "V100",
    "t4": "T4",
    "mi300x": "MI300X",
    "jetson-orin-nx-16gb": "Jetson",
    "apple-m3-max-40core": "MacBook",
}
MODELS = {
    "resnet-50 v1.5": "ResNet50",
    "resnet50": "ResNet50",
    "mobilenetv2_100": "MobileNetV2",
    "mobilenet_v2_224": "MobileNetV2",
    "llama3-8b": "Llama3_8B",
    "llama-3-8b (and 70b)": "Llama3_8B",
    "llama3.1-8b": "Llama3_8B",
    "llama2-70b": "Llama2_70B",
    "llama3-70b": "Llama3_70B",
}


def answers() -> list[dict[str, object]]:
    """Return what it answers: the record, its metric, what it predicts in the unit of the record, what was measured."""
    import mlsysim
    from mlsysim.core.solver import ServingModel

    if mlsysim.__version__ != VERSION:
        raise SystemExit(f"this asks release {VERSION}; {mlsysim.__version__} is installed")
    found = []
    for domain in ("vision-inference", "serving"):
        for record in json.loads((DATA / f"{domain}.json").read_text("utf-8")):
            inputs = record["inputs"]
            device, model = DEVICES.get(str(inputs.get("hardware"))), MODELS.get(str(inputs.get("model")).lower())
            if not device or not model or inputs.get("count", 1) > 1 or inputs.get("tp", 1) > 1:
                continue
            asked = getattr(mlsysim.Models, model), getattr(mlsysim.Hardware, device)
            told = (
                _seen(mlsysim, record, *asked)
                if domain == "vision-inference"
                else _served(ServingModel, record, *asked)
            )
            if told:
                metric, predicted = told
                about = {"id": record["id"], "domain": domain, "metric": metric}
                found.append(about | {"predicted": predicted, "measured": record["measured"][metric]["value"]})
    return found


def _seen(mlsysim, record, model, device):
    inputs = record["inputs"]
    single = str(inputs.get("scenario", "")).lower() == "singlestream"
    batch = 1 if single else inputs.get("batch")
    if batch is None:
        return None
    result = mlsysim.Engine.solve(model, device, batch_size=batch, precision=_format(inputs["precision"]))
    if "latency_mean" in record["measured"]:
        return "latency_mean", result.latency.m_as(record["measured"]["latency_mean"]["unit"])
    return ("throughput", batch / result.latency.m_as("s")) if "throughput" in record["measured"] else None


def _served(solver, record, model, device):
    inputs, measured = record["inputs"], record["measured"]
    metric = next((name for name in ("decode_speed", "decode_8b_f16") if name in measured), None)
    if metric is None:
        return None
    element = "fp16" if metric == "decode_8b_f16" else _format(inputs["precision"])
    prompt = inputs.get("input_tokens") or inputs["prompt_tokens"]
    result = solver().solve(model, device, seq_len=prompt, batch_size=inputs["batch"], precision=element)
    return (metric, inputs["batch"] / result.itl.m_as("s")) if result.feasible else None


def _format(name: str) -> str:
    return "fp16" if re.search("bf16|fp16|f16", name.lower()) else name.lower()


if __name__ == "__main__":
    FILE.write_text(json.dumps({"release": VERSION, "answers": answers()}, indent=1) + "\n", "utf-8")
    print(f"written: {FILE}")
