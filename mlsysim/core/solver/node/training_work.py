"""What one training step of a model computes, moves and keeps, before any device is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from mlsysim.errors import InputError, InputTypeError, positive_integer, shown, unknown, whole_numbers
from mlsysim.models.layered import LayeredWorkload
from mlsysim.models.stack import Stack
from mlsysim.models.transformer import TransformerWorkload
from mlsysim.models.types import Workload
from mlsysim.models.vision_transformer import VisionTransformerWorkload
from mlsysim.physics import convolution, memory, training, training_memory
from mlsysim.physics import transformer as physics
from mlsysim.physics.equation import part
from mlsysim.physics.precision import ELEMENT_SIZE

RECOMPUTE = ("none", "selective", "full")


class Work(NamedTuple):
    """One training step of a model, in plain numbers; those of operations and traffic are of its forward pass."""

    samples: int
    tokens: int | None
    """Tokens of all samples, or patches; None for networks of layers."""
    products: Any
    """Operations of products with weights [FLOP]."""
    attention: Any
    """Operations of scores and of their sum over the values [FLOP]."""
    again: Any
    """Operations of those products that are computed again in the backward pass [FLOP]."""
    repeats: float
    """How often attention is computed again."""
    weights_read: Any
    """Weights that a pass reads [byte]."""
    activations: Any
    """Activations read and written [byte]."""
    kept: Any
    """Activations kept for the backward pass [byte]."""
    buffers: Any
    """What is alive beside them at the worst time [byte]."""


class Choice(NamedTuple):
    """How a step is run: batch, sequence, bytes of an element, what is computed again, whether scores stay on chip."""

    batch_size: int
    seq_len: int | None
    size: float
    recompute: str
    flash_attention: bool


def work_of(model: Workload, choice: Choice) -> Work:
    """Return what a training step of a model takes.

    Raises
    ------
    InputError, InputTypeError, UnknownName
        For a batch, a sequence or a recomputation that is none, or a kind of model that training is not modelled for.
    """
    batch = whole_numbers("batch_size", choice.batch_size)
    if not isinstance(choice.recompute, str) or choice.recompute not in RECOMPUTE:
        raise unknown("recompute", choice.recompute, RECOMPUTE)
    if not isinstance(choice.flash_attention, bool):
        raise InputTypeError(f"flash_attention must be True or False; got {shown(choice.flash_attention)}")
    if isinstance(model, TransformerWorkload):
        return _sequences(model, batch, choice)
    if isinstance(model, VisionTransformerWorkload):
        return _images(model, batch, choice)
    if isinstance(model, LayeredWorkload):
        return _layers(model, batch, choice)
    raise InputError(
        f"training is modelled for decoders, encoders, vision transformers and networks of layers; {model.name} is a"
        f" {type(model).__name__}"
    )


def _sequences(model: TransformerWorkload, batch: int, choice: Choice) -> Work:
    length = positive_integer("seq_len", model.default_context if choice.seq_len is None else choice.seq_len)
    if length > model.max_context:
        raise InputError(f"seq_len must be at most {model.max_context}, the context of {model.name}; got {length}")
    tokens = batch * length
    decoder = model.architecture == "decoder"
    attention = model.attention_flops(model.causal_pairs(batch, length) if decoder else tokens * length)
    layers = physics.layer_flops.plain(model.active_layer_parameters, tokens)
    head = 0.0
    if decoder:
        head = physics.head_flops.plain(model.head_parameters, tokens)
    elif model.pooler:
        head = physics.head_flops.plain(model.hidden**2, batch)
    logits = tokens * model.vocab if decoder else 0
    read = memory.weight_bytes.plain(model.read_count(tokens), choice.size)
    return _stacked(model, choice, Sizes(batch, tokens, length, logits), layers, head, attention, read)


def _images(model: VisionTransformerWorkload, batch: int, choice: Choice) -> Work:
    _no_sequence(model, choice)
    with part("One forward pass"):
        demand = model.demand(batch)
    tokens = batch * model.tokens
    attention = model.attention_flops(tokens * model.tokens)
    layers = physics.layer_flops.plain(model.active_layer_parameters, tokens)
    read = memory.weight_bytes.plain(model.parameter_count, choice.size)
    sizes = Sizes(batch, tokens, model.tokens, batch * model.classes)
    return _stacked(model, choice, sizes, layers, demand.flops - layers - attention, attention, read)


class Sizes(NamedTuple):
    """Samples, tokens of all of them and of one, elements of the output."""

    batch: int
    tokens: int
    length: int
    logits: int


def _stacked(model: Stack, choice: Choice, sizes: Sizes, layers: Any, around: Any, attention: Any, read: Any) -> Work:
    """A step of a stack of layers, of whose forward operations `layers` are those of its products."""
    size, tokens, recompute, flash = choice.size, sizes.tokens, choice.recompute, choice.flash_attention
    moved = model.activation_bytes(tokens, sizes.logits, size) + model.cache_traffic(tokens, tokens, size)
    if not flash:
        pairs = sizes.batch * sizes.length**2
        moved = moved + training.score_traffic.plain(model.layers, model.heads, pairs, size)
    scores = ELEMENT_SIZE["fp32"] if flash else training_memory.score_bytes.plain(sizes.length, size, 0.0)
    with part("All tensors of a layer"):
        layer = _layer(model, tokens, 0.0 if recompute == "selective" else scores, size)
    buffers = model.live_bytes(tokens, sizes.logits, size)
    if recompute == "full":
        buffers = buffers + layer
        layer = training_memory.checkpoint_bytes.plain(tokens, model.hidden, size)
    end = training_memory.head_activation_bytes.plain(tokens, model.hidden, size, sizes.logits, ELEMENT_SIZE["fp32"])
    return Work(
        samples=sizes.batch,
        tokens=tokens,
        products=layers + around,
        attention=attention,
        again=layers if recompute == "full" else 0.0,
        repeats=(recompute != "none") + 0.5 * flash,
        weights_read=read,
        activations=moved,
        kept=training_memory.kept_activation_bytes.plain(model.layers, layer, end),
        buffers=buffers,
    )


def _layer(model: Stack, tokens: Any, scores: float, size: float) -> Any:
    rows, widths = kept_tensors(model)
    return training_memory.layer_activation_bytes.plain(
        tokens, model.hidden, rows, 0.0, widths, model.heads, scores, size
    )


def kept_tensors(model: Stack) -> tuple[float, float]:
    """Return the tensors as wide as the residual stream that a layer keeps, and the widths of its other ones.

    Means over the layers; see `layer_activation_bytes` for what is kept.

    Examples
    --------
    Llama-3 8B: two norms and the inputs of attention and feed-forward block; queries, keys, values, attention output,
    gate, up and their product:

    >>> from mlsysim import Models
    >>> kept_tensors(Models.Llama3_8B) == (4, 4096 + 1024 + 1024 + 4096 + 3 * 14336)
    True
    """
    rows = model.norms_per_layer + (1 if model.parallel else 2)
    if model.experts:
        rows += 2 * model.experts.active * model.moe_layers / model.layers
    heads, keys = model.heads * model.head_dim, model.kv_heads * model.head_dim
    if model.latent:
        value = model.heads * model.latent.value_dim
        compressed = 2 * ((model.latent.query_rank or 0) + model.latent.kv_rank) + model.latent.rope_dim
        widths = 2 * heads + 2 * value + compressed
    else:
        widths = 2 * heads + 2 * keys + (heads + keys if model.qk_norm else 0)
    return rows, widths + model.mlp_matrices * model.active_intermediate


def _layers(model: LayeredWorkload, batch: int, choice: Choice) -> Work:
    """A step of a network of layers, each of which keeps what it writes for the next [rotabulo2018inplace]."""
    _no_sequence(model, choice)
    if choice.recompute != "none":
        raise InputError(
            f"recompute must be 'none' for {model.name}, which is no transformer; got {choice.recompute!r}"
        )
    with part("One forward pass"):
        demand = model.demand(batch)
    first = model.layers[0].inputs.elements
    written = sum(layer.outputs.elements for layer in model.layers)
    traffic, live = sum(layer.traffic for layer in model.layers), max(layer.live for layer in model.layers)
    with part("Kept for the backward pass"):
        kept = convolution.live_bytes.plain(batch, first + written, choice.size)
    return Work(
        samples=batch,
        tokens=None,
        products=demand.flops,
        attention=0.0,
        again=0.0,
        repeats=0.0,
        weights_read=memory.weight_bytes.plain(model.parameter_count, choice.size),
        activations=convolution.activation_bytes.plain(batch, traffic, choice.size),
        kept=kept,
        buffers=convolution.live_bytes.plain(batch, live, choice.size),
    )


def _no_sequence(model: Workload, choice: Choice) -> None:
    if choice.seq_len is not None:
        raise InputError(f"seq_len does not apply to {model.name}, which reads no sequence; got {choice.seq_len!r}")


def matrix_sides(model: Workload) -> int:
    """Return the rows and columns of all weight matrices, summed: what a factored second moment is kept for.

    Examples
    --------
    >>> from mlsysim import Models
    >>> matrix_sides(Models.GPT2) == 12 * (4 * 2 * 768 + 2 * 5 * 768) + (50257 + 768) + (1024 + 768)
    True
    """
    if isinstance(model, LayeredWorkload):
        products = [layer for layer in model.layers if layer.weights]
        return sum(layer.outputs.channels + layer.weights // layer.outputs.channels for layer in products)
    around = []
    if isinstance(model, TransformerWorkload):
        words = 2 if model.head_parameters and not model.tied_embeddings else 1
        around = [(model.vocab, model.hidden)] * words
        around += [(rows, model.hidden) for rows in (model.learned_positions, model.segments) if rows]
    elif isinstance(model, VisionTransformerWorkload):
        around = [(model.patch**2 * model.image[2], model.hidden), (model.hidden, model.classes)]
    inner = model.layers * sum(map(sum, _attention_matrices(model).values()))
    dense = (model.layers - model.moe_layers) * model.mlp_matrices * (model.hidden + model.intermediate)
    experts = 0
    if model.experts:
        blocks = model.experts.experts + model.experts.shared
        block = model.mlp_matrices * (model.hidden + model.experts.intermediate)
        experts = model.moe_layers * (blocks * block + model.hidden + model.experts.experts)
    return inner + dense + experts + sum(map(sum, around))


def _attention_matrices(model: Stack) -> dict[str, tuple[int, int]]:
    """Rows and columns of the matrices of a layer's attention, by name."""
    hidden, query, key = model.hidden, model.heads * model.head_dim, model.kv_heads * model.head_dim
    if not model.latent:
        return {"query": (hidden, query), "key": (hidden, key), "value": (hidden, key), "output": (query, hidden)}
    latent, value = model.latent, model.heads * model.latent.value_dim
    matrices = {"query": (hidden, query)}
    if latent.query_rank:
        matrices = {"query down": (hidden, latent.query_rank), "query up": (latent.query_rank, query)}
    matrices["key and value down"] = (hidden, latent.kv_rank + latent.rope_dim)
    matrices["key and value up"] = (latent.kv_rank, model.heads * latent.nope_dim + value)
    return matrices | {"output": (value, hidden)}


class Adapters(NamedTuple):
    """Low-rank adapters: their parameters, and rows and columns of their matrices."""

    parameters: Any
    sides: int


def adapters_of(model: Workload, rank: int | None, targets: Sequence[str]) -> Adapters | None:
    """Return the low-rank adapters beside some matrices of each layer; None without a rank.

    Raises
    ------
    InputError, InputTypeError, UnknownName
        For a rank that is no whole number above zero, a matrix that the model has not, or a model without such.

    Examples
    --------
    >>> from mlsysim import Models
    >>> adapters_of(Models.GPT3, 8, ("query", "value")).parameters
    37748736
    """
    if rank is None:
        return None
    rank = positive_integer("lora_rank", rank)
    if not isinstance(model, Stack) or model.latent:
        raise InputError(f"lora_rank needs a transformer with queries, keys and values by head; {model.name} is none")
    matrices = _attention_matrices(model)
    if not model.experts:
        matrices |= {"up": (model.hidden, model.intermediate), "down": (model.intermediate, model.hidden)}
        matrices |= {"gate": (model.hidden, model.intermediate)} if model.gated else {}
    if isinstance(targets, str) or not isinstance(targets, Sequence) or not targets:
        raise InputTypeError(f"lora_targets must be names of matrices such as ('query', 'value'); got {shown(targets)}")
    for name in targets:
        if not isinstance(name, str) or name not in matrices:
            raise unknown(f"matrix of a layer of {model.name}", name, matrices)
    chosen = [matrices[name] for name in dict.fromkeys(targets)]
    sides = sum(map(sum, chosen))
    parameters = training_memory.lora_parameters.plain(model.layers, rank, sides)
    return Adapters(parameters, model.layers * (sides + 2 * rank * len(chosen)))
