"""The names that publications give models and devices, and the records of ours that they mean."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from mlsysim.errors import InputError, shown
from mlsysim.hardware.registry import Hardware
from mlsysim.hardware.types import HardwareNode
from mlsysim.models.registry import Models
from mlsysim.physics.precision import ELEMENT_SIZE
from mlsysim.records import Catalog
from mlsysim.validation.records import Measurement

DEVICES = {
    "a100-sxm-80gb": "A100",
    "a100-sxm-40gb": "A100_40GB",
    "a100-pcie-80gb": "A100_PCIe",
    "v100-sxm": "V100",
    "mi250x-1gcd": "MI250X_GCD",
    "apple-m1-max-32core": "AppleM1Max",
    "apple-m2-ultra-76core": "AppleM2Ultra",
    "apple-m3-max-40core": "AppleM3Max",
    "jetson-agx-orin-64gb": "JetsonAGXOrin",
    "jetson-orin-nx-16gb": "JetsonOrinNX",
    "coral-edge-tpu": "Coral",
    "renesas-ra8d1": "RA8D1",
    "renesas-ra6m4": "RA6M4",
}
"""Names that are no entry of `Hardware` but for how they are written."""

MODELS = {
    "8b": "Llama3_1_8B",
    "70b": "Llama3_1_70B",
    "405b": "Llama3_1_405B",
    "deepseek-v3": "DeepSeek_V3",
    "resnet-50 v1.5": "ResNet50",
    "resnet_v1_18": "ResNet18",
    "resnet_v1_50": "ResNet50",
    "sdxl": "SDXL_UNet",
    "vit_base": "ViT_B16",
    "retinanet-resnext50-fpn": "RetinaNet_ResNeXt50",
    "mobilenet_v1_224": "MobileNetV1",
    "mobilenet_v2_224": "MobileNetV2",
    "mobilenet_v2_1.0": "MobileNetV2",
    "mobilenetv2_100": "MobileNetV2",
    "vit_base_patch16_224": "ViT_B16",
    "vit_large_patch16_224": "ViT_L16",
    "mobilenetv1-0.25-96": "PersonDetection",
    "fc-autoencoder": "AnomalyDetector",
    "gpt3-175b": "GPT3",
}
"""Names that are no entry of `Models` but for how they are written; a size alone is of Llama 3.1."""

FORMATS = {
    "nvfp4": "fp4",
    "amp fp16": "fp16",
    "amp_bf16": "bf16",
    "amp_fp8": "fp8",
    "bf16 mixed": "bf16",
    "fp16 mixed": "fp16",
    "int8 dense": "int8",
    "fp8-cs": "fp8",
    "mxfp8": "fp8",
    "fp8 dropless": "fp8",
    "fp8 linears": "fp8",
}
"""Names of formats of ours that are written otherwise."""

_MIXED = frozenset(["fp8/int8 + fp16", "fp16/fp8"])
"""Several formats, of which a publication does not say where each is used."""

_OF_NO_MATTER = re.compile(r"(?<=[^a-z])(?:sxm\d?|instruct)$")


class NotStated(InputError):
    """A record does not say what a question of ours needs."""


def device(name: Any) -> HardwareNode:
    """Return the device that a publication names.

    Raises
    ------
    NotStated
        If the package has no such device.

    Examples
    --------
    >>> device("a100-sxm-40gb").name
    'NVIDIA A100 SXM4 40GB'
    >>> device("h200_sxm").name
    'NVIDIA H200 SXM5 141GB'
    """
    return _entry("device", Hardware, DEVICES, name)


def model(name: Any) -> Any:
    """Return the model that a publication names.

    Raises
    ------
    NotStated
        If the package has no such model.

    Examples
    --------
    >>> model("meta-llama/Llama-3.1-70B-Instruct").name
    'Llama-3.1 70B'
    """
    return _entry("model", Models, MODELS, name)


def precision(name: Any) -> str:
    """Return the format that a publication names.

    Raises
    ------
    NotStated
        If the package has no such format.

    Examples
    --------
    >>> precision("nvfp4")
    'fp4'
    """
    known = FORMATS.get(name, name) if isinstance(name, str) else name
    if isinstance(known, str) and known in _MIXED:
        raise NotStated(f"the record does not state which products are in which of {known}")
    if not isinstance(known, str) or known not in ELEMENT_SIZE:
        raise NotStated(f"the package has no format {name!r}")
    return str(known)


def stated(record: Measurement, *names: str) -> list[Any]:
    """Return some inputs of a record.

    Raises
    ------
    NotStated
        For the first that it does not state.
    """
    for name in names:
        if record.inputs.get(name) is None:
            raise NotStated(f"the record does not state {name}")
    return [record.inputs[name] for name in names]


def _entry(kind: str, catalog: Catalog[Any], spelt: dict[str, str], name: Any) -> Any:
    if not isinstance(name, str):
        raise NotStated(f"the record names no {kind}; got {shown(name)}")
    plain = name.strip().lower().split("/")[-1]
    known = _squashed(tuple(catalog.names))
    for written in (plain, plain.replace("_", "-")):
        if written in spelt:
            return catalog[spelt[written]]
    for written in (plain, _OF_NO_MATTER.sub("", plain)):
        if _squash(written) in known:
            return catalog[known[_squash(written)]]
    raise NotStated(f"the package has no {kind} {name!r}")


def _squash(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


@cache
def _squashed(names: tuple[str, ...]) -> dict[str, str]:
    return {_squash(name): name for name in names}
