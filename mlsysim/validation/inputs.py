"""The inputs of published results that adapters compute with: which are counts, which amounts, which words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

from mlsysim.errors import shown

COUNTS = frozenset(
    [
        "batch",
        "batch_per_dp",
        "concurrency",
        "count",
        "cp",
        "dp",
        "ep",
        "global_batch",
        "gpus_per_node",
        "head_dim",
        "heads",
        "hidden",
        "ici_fsdp",
        "input_tokens",
        "intermediate",
        "kv_heads",
        "layers",
        "local_batch",
        "microbatch_size",
        "num_microbatches",
        "num_requests",
        "output_tokens",
        "per_device_batch",
        "pp",
        "prompt_tokens",
        "seq_len",
        "steps",
        "tensor_parallel",
        "tp",
        "virtual_stages",
        "vocab",
    ]
)
"""Inputs that are whole numbers of at least 1."""

AMOUNTS = frozenset(
    [
        "cfg",
        "clock_mhz",
        "fwd_gmacs",
        "kv_cache_free_gpu_mem_fraction",
        "macs",
        "params",
        "peak_tflops_per_gpu",
        "tokens",
        "tokens_to_target",
    ]
)
"""Inputs that are numbers above 0."""

WORDS = frozenset(
    [
        "activation_recompute",
        "arrival",
        "core",
        "engine",
        "framework",
        "inter_node",
        "kv_cache_precision",
        "model",
        "mp_mode",
        "precision",
        "scenario",
        "system",
        "technique",
        "weights_precision",
        "hardware",
    ]
)
"""Inputs that are text."""


def checked(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return inputs, counts as whole numbers, without those that are None: these are not stated.

    Raises
    ------
    ValueError
        For a count, an amount or a word that is none.

    Examples
    --------
    >>> checked({"model": "Llama3_8B", "count": 8.0, "batch": None})
    {'model': 'Llama3_8B', 'count': 8}
    """
    return {name: _one(name, value) for name, value in inputs.items() if value is not None}


def _one(name: str, value: Any) -> Any:
    number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if name in COUNTS:
        if not number or value < 1 or value != int(value):
            raise ValueError(f"{name} must be a whole number of at least 1; got {shown(value)}")
        return int(value)
    if name in AMOUNTS and not (number and value > 0):
        raise ValueError(f"{name} must be a number above 0; got {shown(value)}")
    if name in WORDS and not isinstance(value, str):
        raise ValueError(f"{name} must be text; got {shown(value)}")
    return value
