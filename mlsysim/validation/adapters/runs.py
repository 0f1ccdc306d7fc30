"""What was trained and how: models by the shape that a record states, and the options of its software."""

from __future__ import annotations

from typing import Any

from mlsysim.models.transformer import TransformerWorkload
from mlsysim.validation.adapters.names import NotStated, model, precision, stated
from mlsysim.validation.records import Measurement

SHAPE = ("layers", "hidden", "heads", "intermediate")

_BEFORE_FLASH = {"korthikanti2023reducing", "narayanan2021megatron", "smith2022turing", "bigscience2022prequel"}
"""Runs of software older than FlashAttention, which keeps the scores on the chip [dao2022flashattention]."""

_MEGATRON = {"smith2022turing", "parmar2024nemotron", "jiang2024megascale"}
"""Runs whose gradients beside weights in bf16 are kept in fp32, as Megatron does [nvidia2024distoptimizer]."""

_TABLE_ROWS = 128
"""Rows to a multiple of which Megatron pads the table of tokens [shoeybi2019megatron]."""


def transformer(record: Measurement, vocab: int | None = None) -> Any:
    """Return the model of a run: ours of that name, or else one of the shape that the record states.

    Whether its feed-forward layers have a gate is what comes nearer to the parameters that the record states. `vocab`
    stands in where the record states none.

    Raises
    ------
    NotStated
        If the record has no shape.
    """
    inputs = record.inputs
    try:
        ours = model(inputs.get("model"))
    except NotStated:
        layers, hidden, heads, intermediate = stated(record, *SHAPE)
    else:
        return ours.model_copy(update={"max_context": max(ours.max_context, inputs.get("seq_len") or 1)})
    words = stated(record, "vocab")[0] if vocab is None else vocab
    shapes = [
        TransformerWorkload(
            name=record.model,
            layers=layers,
            hidden=hidden,
            heads=heads,
            kv_heads=inputs.get("kv_heads") or heads,
            head_dim=inputs.get("head_dim") or hidden // heads,
            intermediate=intermediate,
            vocab=-(-words // _TABLE_ROWS) * _TABLE_ROWS,
            max_context=inputs["seq_len"],
            gated=gated,
            norm="rms" if gated else "layer",
            tied_embeddings=not gated,
            parallel=bool(inputs.get("parallel_transformer_block")),
            learned_positions=0 if gated else inputs["seq_len"],
        )
        for gated in (False, True)
    ]
    parameters = inputs.get("params")
    if parameters is None:
        return shapes[0]
    return min(shapes, key=lambda shape: abs(shape.parameter_count - parameters))


def options(record: Measurement) -> dict[str, Any]:
    """Return the options of `DistributedModel.solve` that a record states, or its software is known for.

    Raises
    ------
    NotStated
        If the record has no batch.
    """
    inputs, source = record.inputs, record.source.key
    count, seq_len = stated(record, "count", "seq_len")
    tensor, stages, context = (int(inputs.get(name) or 1) for name in ("tp", "pp", "cp"))
    replicas = count // (tensor * stages * context)
    old = source in _BEFORE_FLASH or inputs.get("system") == "Megatron-LM"
    element = precision(inputs.get("precision"))
    chosen = {
        "batch_size": _batch(record, replicas),
        "precision": element,
        "tp_size": tensor,
        "pp_size": stages,
        "cp_size": context,
        "ep_size": int(inputs.get("ep") or 1),
        "microbatch_size": int(inputs.get("microbatch_size") or inputs.get("local_batch") or 1),
        "virtual_stages": int(inputs.get("virtual_stages") or 1),
        "zero_stage": _zero(record, stages),
        "sequence_parallel": bool(inputs.get("sequence_parallel", source != "smith2022turing")),
        "recompute": _recompute(record),
        "flash_attention": not old,
        "overlap_comm": bool(inputs.get("overlap_grad_reduce", not old)),
        "dropout": source in {"korthikanti2023reducing", "smith2022turing"} or inputs.get("system") == "Megatron-LM",
        "seq_len": seq_len,
    }
    if source == "mosaicml2023benchmarks":
        chosen |= {"fused": False, "prefetch": False}
    if (source in _MEGATRON and element == "bf16") or inputs.get("mp_mode") == "DEFAULT":
        chosen["gradient_precision"] = "fp32"
    return chosen


def _batch(record: Measurement, replicas: int) -> int:
    inputs = record.inputs
    if inputs.get("global_batch"):
        return int(inputs["global_batch"])
    for name, times in {
        "batch_per_dp": replicas,
        "local_batch": replicas,
        "per_device_batch": inputs["count"],
        "microbatch_size": replicas,
    }.items():
        if inputs.get(name):
            return int(inputs[name]) * times
    raise NotStated("the record does not state the batch")


def _zero(record: Measurement, stages: int) -> int:
    inputs = record.inputs
    if inputs.get("zero_stage") is not None:
        return int(inputs["zero_stage"])
    whole = str(inputs.get("zero", "")) == "3" or inputs.get("fsdp") or inputs.get("ici_fsdp")
    return 3 if whole and stages == 1 else 1


def _recompute(record: Measurement) -> str:
    said = record.inputs.get("activation_recompute") or "none"
    return said if said in ("selective", "full") else "none"
