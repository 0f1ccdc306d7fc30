"""What was trained and how: models by the shape that a record states, and the options of its software."""

from __future__ import annotations

from typing import Any

from mlsysim.models.transformer import TransformerWorkload
from mlsysim.validation.adapters.names import NotStated, model, precision, stated
from mlsysim.validation.records import Measurement

SHAPE = ("layers", "hidden", "heads", "intermediate")

_OLD_MEGATRON = {"flash_attention": False, "dropout": True, "overlap_comm": False}
_WIDE_SUMS = {"gradient_precision": "fp32"}

SOFTWARE: dict[str, dict[str, Any]] = {
    "korthikanti2023reducing": _OLD_MEGATRON,
    "narayanan2021megatron": _OLD_MEGATRON | {"zero_stage": 0, "sequence_parallel": False, "fused_gradients": False},
    "smith2022turing": _OLD_MEGATRON | _WIDE_SUMS | {"sequence_parallel": False, "fused_gradients": False},
    "bigscience2022prequel": _OLD_MEGATRON | {"sequence_parallel": False, "fused_gradients": False},
    "parmar2024nemotron": _WIDE_SUMS,
    "jiang2024megascale": _WIDE_SUMS,
    "mosaicml2023benchmarks": {
        "fused": False,
        "fused_gradients": False,
        "prefetch": False,
        "attention_kernel": "flash-1",
    },
    "Megatron-LM": _OLD_MEGATRON,
    "MegaScale": {"attention_kernel": "flash-2"},
}
"""What the software of a source, or of a system that a record names, is known to do where the record says nothing.

Megatron before 2023 keeps scores in memory, drops activations and exchanges gradients after the passes; before
[korthikanti2023reducing] each device keeps all optimizer states, norms are not divided, and gradients are added to
their sum in kernels of their own. Beside weights in bf16 it keeps gradients in fp32 [nvidia2024distoptimizer].
MegaScale names FlashAttention-2 [jiang2024megascale]; the tables of MosaicML were measured eagerly, with
``BACKWARD_POST`` [mosaicml2023benchmarks].
"""

_SPLITS = ("tp", "pp", "cp", "dp", "zero", "zero_stage", "fsdp", "ici_fsdp", "sharding", "parallelism")

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
    (context,) = stated(record, "seq_len")
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
            max_context=context,
            gated=gated,
            norm="rms" if gated else "layer",
            tied_embeddings=not gated,
            parallel=bool(inputs.get("parallel_transformer_block")),
            learned_positions=0 if gated else context,
        )
        for gated in (False, True)
    ]
    parameters = inputs.get("params")
    if parameters is None:
        return shapes[0]
    return min(shapes, key=lambda shape: abs(shape.parameter_count - parameters))


def options(record: Measurement) -> dict[str, Any]:
    """Return the options of `DistributedModel.solve` that a record states, or its software is known for.

    Where the stages hold equal parts only if the embedding and the head take the place of a layer each, they do.

    Raises
    ------
    NotStated
        If the record has no batch, or several devices and no split.
    """
    inputs = record.inputs
    count, seq_len = stated(record, "count", "seq_len")
    if count > 1 and not any(inputs.get(name) for name in _SPLITS):
        raise NotStated("the record does not state how its devices share the work")
    if "interleaved" in str(inputs.get("schedule")) and "virtual_stages" not in inputs:
        raise NotStated("the record does not state how many parts of the model each device has in turn")
    tensor, stages, context = (inputs.get(name, 1) for name in ("tp", "pp", "cp"))
    known = SOFTWARE.get(record.source.name, {}) | SOFTWARE.get(str(inputs.get("system")), {})
    element = precision(inputs.get("precision"))
    chosen = {
        "batch_size": _batch(record, count // (tensor * stages * context)),
        "precision": element,
        "tp_size": tensor,
        "pp_size": stages,
        "cp_size": context,
        "ep_size": inputs.get("ep", 1),
        "microbatch_size": inputs.get("microbatch_size") or inputs.get("local_batch", 1),
        "virtual_stages": inputs.get("virtual_stages", 1),
        "recompute": _recompute(record),
        "seq_len": seq_len,
    } | known
    if element != "bf16" and inputs.get("mp_mode") is None:
        chosen.pop("gradient_precision", None)
    if inputs.get("mp_mode") == "DEFAULT":
        chosen["gradient_precision"] = "fp32"
    for option, name in {"sequence_parallel": "sequence_parallel", "overlap_comm": "overlap_grad_reduce"}.items():
        if inputs.get(name) is not None:
            chosen[option] = bool(inputs[name])
    if (stage := _zero(record, stages)) is not None:
        chosen["zero_stage"] = stage
    if inputs.get("dcn_data_parallelism"):
        chosen["shard_size"] = inputs["ici_fsdp"]
    layers = inputs.get("layers") or 1
    if layers % stages and (layers + 2) % stages == 0:
        chosen["ends_as_layers"] = True
    return chosen


def _batch(record: Measurement, replicas: int) -> int:
    inputs = record.inputs
    if inputs.get("global_batch"):
        return inputs["global_batch"]
    for name, times in {
        "batch_per_dp": replicas,
        "local_batch": replicas,
        "per_device_batch": inputs["count"],
        "microbatch_size": replicas,
    }.items():
        if inputs.get(name):
            return inputs[name] * times
    raise NotStated("the record does not state the batch")


def _zero(record: Measurement, stages: int) -> int | None:
    """What the data-parallel devices divide; None where nothing is said of it."""
    inputs = record.inputs
    for name in ("zero_stage", "zero"):
        if str(inputs.get(name)) in ("0", "1", "2", "3"):
            return int(inputs[name])
    return 3 if stages == 1 and (inputs.get("fsdp") or inputs.get("ici_fsdp")) else None


def _recompute(record: Measurement) -> str:
    said = record.inputs.get("activation_recompute") or "none"
    return said if said in ("selective", "full") else "none"
