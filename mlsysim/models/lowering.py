"""The kernels of a stack of transformer layers, sharded over the devices of a tensor-parallel group.

Added residuals are fused into the norm after them, scores never leave the chip [dao2022flashattention].

Tensor parallelism splits heads, feed-forward width and vocabulary; norms, and the compressing products of latent
attention, are repeated on each device; the outputs of both halves of a layer are summed [shoeybi2019megatron].

In training, rows are sorted by their experts in a kernel of its own before the products [gale2023megablocks]; engines
that serve gather them as the products read them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from mlsysim.errors import InputError, whole_numbers
from mlsysim.models.operators import Operator
from mlsysim.models.passes import Pass
from mlsysim.models.stack import Stack
from mlsysim.physics import attention as attention_physics
from mlsysim.physics import memory
from mlsysim.physics import operators as physics
from mlsysim.physics import transformer as transformer_physics
from mlsysim.physics.elementwise import maximum, some


class Seen(NamedTuple):
    """What the attention of some layers sees."""

    name: str
    layers: int
    pairs: Any
    """Pairs of a query and a key, in one layer."""
    cached: Any
    """Tokens whose keys and values are read, in one layer."""
    keys: Any
    """Keys that the last query of a sequence sees."""


def tensor_parallel_degree(stack: Stack, degree: Any, name: str, argument: str = "tensor_parallel") -> Any:
    """Return a degree of tensor parallelism that divides the heads and the widths of a stack.

    Raises
    ------
    InputError, InputTypeError
        For a degree that is no whole number above zero or does not divide them; the message has those that do.
    """
    degree = whole_numbers(argument, degree)
    if isinstance(degree, int) and degree == 1:
        return degree
    given = [degree] if isinstance(degree, int) else degree.ravel().astype(int).tolist()
    widths = [stack.heads, stack.intermediate] + ([stack.experts.intermediate] if stack.experts else [])

    def divides(by: int) -> bool:
        kv = stack.kv_heads % by == 0 or by % stack.kv_heads == 0
        return kv and all(width % by == 0 for width in widths)

    if refused := [by for by in given if not divides(by)]:
        allowed = [by for by in range(1, stack.heads + 1) if divides(by)]
        raise InputError(
            f"{argument} must divide the {stack.heads} heads and the widths of {name}; got {refused[0]}."
            f" Allowed: {', '.join(map(str, allowed))}"
        )
    return degree


def layer_operators(stack: Stack, run: Pass, seen: list[Seen]) -> Iterator[Operator]:
    """Yield the kernels of all layers of a stack, those of one layer after the other."""
    both = run.tokens * stack.hidden
    yield run.elementwise("attention norm", stack.layers, 2 * both, 2 * both, stack.norm_parameters)
    yield from (_latent_attention if stack.latent else _attention)(stack, run, seen)
    if not stack.parallel:
        yield from run.summed("attention all-reduce", stack.layers, both)
    if norms := stack.layers * (stack.norms_per_layer - 1):
        yield run.elementwise("feed-forward norm", norms, 2 * both, 2 * both, stack.norm_parameters)
    yield from _dense(stack, run)
    yield from _experts(stack, run)
    yield from run.summed("feed-forward all-reduce", stack.layers, both)


def _biases(stack: Stack, run: Pass, kv_heads: int) -> int:
    query, key = stack.heads * stack.head_dim // run.group, kv_heads * stack.head_dim
    return query + 2 * key if "qkv" in stack.biases else (query + key) * ("qv" in stack.biases)


def _attention(stack: Stack, run: Pass, seen: list[Seen]) -> Iterator[Operator]:
    heads, kv_heads = stack.heads // run.group, maximum(1, stack.kv_heads // run.group)
    width, kv_width = heads * stack.head_dim, kv_heads * stack.head_dim
    yield from run.products("qkv", stack.layers, width + 2 * kv_width, stack.hidden, _biases(stack, run, kv_heads))
    turned = run.tokens * (width + kv_width)
    if stack.qk_norm:
        scales = stack.head_dim * (2 if stack.qk_norm == "head" else heads + kv_heads)
        yield run.elementwise("qk norm", stack.layers, turned, turned, scales)
    if run.rope:
        yield run.elementwise("rope", stack.layers, turned, turned)
    for part in seen:
        yield Operator(
            part.name,
            "attention",
            count=part.layers,
            m=run.tokens,
            n=part.keys,
            k=stack.head_dim,
            flops=transformer_physics.attention_flops.plain(1, heads, stack.head_dim, part.pairs),
            weights=heads * stack.attention_sinks * run.size,
            inputs=run.tokens * width * run.act,
            outputs=run.tokens * width * run.act,
            kv=memory.kv_traffic_bytes.plain(1, kv_heads, stack.head_dim, part.cached, run.tokens, run.kv_size),
            phase=run.phase,
        )
    yield from run.products("attention output", stack.layers, stack.hidden, width, _output_bias(stack))


def _output_bias(stack: Stack) -> int:
    return stack.hidden * ("output" in stack.biases)


def _latent_attention(stack: Stack, run: Pass, seen: list[Seen]) -> Iterator[Operator]:
    latent, heads, decode = stack.latent, stack.heads // run.group, run.phase == "decode"
    queries, norms = heads * latent.query_dim, latent.norm_parameters
    compressed = latent.kv_rank + latent.rope_dim
    if latent.query_rank:
        yield from run.products("query down", stack.layers, latent.query_rank, stack.hidden)
    yield from run.products("kv down", stack.layers, compressed, stack.hidden)
    narrow = run.tokens * norms
    yield run.elementwise("latent norm", stack.layers, narrow, narrow, norms)
    yield from run.products("query up", stack.layers, queries, latent.query_rank or stack.hidden)
    turned = run.tokens * (heads + 1) * latent.rope_dim
    yield run.elementwise("rope", stack.layers, turned, turned)
    widths = latent.absorbed_widths if decode else (latent.query_dim, latent.value_dim)
    if decode:
        shape = run.tokens * heads, latent.kv_rank, latent.nope_dim
        yield from _grouped(run, "key absorption", stack.layers, *shape, heads)
    else:
        yield from run.products("kv up", stack.layers, heads * (latent.nope_dim + latent.value_dim), latent.kv_rank)
    for part in seen:
        cache = (1, latent.kv_rank, latent.rope_dim, part.cached, run.tokens, run.kv_size)
        yield Operator(
            part.name,
            "attention",
            count=part.layers,
            m=run.tokens,
            n=part.keys,
            k=widths[0],
            flops=attention_physics.latent_attention_flops.plain(1, heads, *widths, part.pairs),
            inputs=run.tokens * heads * widths[0] * run.act,
            outputs=run.tokens * heads * widths[1] * run.act,
            kv=attention_physics.latent_traffic_bytes.plain(*cache),
            phase=run.phase,
        )
    if decode:
        shape = run.tokens * heads, latent.value_dim, latent.kv_rank
        yield from _grouped(run, "value absorption", stack.layers, *shape, heads)
    yield from run.products("attention output", stack.layers, stack.hidden, heads * latent.value_dim)


def _dense(stack: Stack, run: Pass) -> Iterator[Operator]:
    if layers := stack.layers - stack.moe_layers:
        yield from _feed_forward(stack, run, "", layers, stack.intermediate)


def _feed_forward(stack: Stack, run: Pass, of: str, layers: int, intermediate: int) -> Iterator[Operator]:
    wide, bias = intermediate // run.group, "mlp" in stack.biases
    up = (stack.mlp_matrices - 1) * wide
    yield from run.products(f"{of}up" if not stack.gated else f"{of}gate and up", layers, up, stack.hidden, up * bias)
    yield run.elementwise(f"{of}activation", layers, run.tokens * up, run.tokens * wide)
    yield from run.products(f"{of}down", layers, stack.hidden, wide, stack.hidden * bias)


def _experts(stack: Stack, run: Pass) -> Iterator[Operator]:
    if not stack.experts:
        return
    layers, mixture, bias = stack.moe_layers, stack.experts, "mlp" in stack.biases
    router_bias = mixture.experts * ("router" in stack.biases)
    yield from run.products("router", layers, mixture.experts, stack.hidden, router_bias)
    wide, rows = mixture.intermediate // run.group, run.tokens * mixture.active
    up, touched = (stack.mlp_matrices - 1) * wide, mixture.touched(run.tokens)
    if run.training:
        yield run.elementwise("expert permutation", layers, rows * stack.hidden, rows * stack.hidden)
    yield from _grouped(
        run,
        "expert up" if not stack.gated else "expert gate and up",
        layers,
        rows,
        up,
        stack.hidden,
        touched,
        up * bias,
    )
    yield run.elementwise("expert activation", layers, rows * up, rows * wide)
    yield from _grouped(run, "expert down", layers, rows, stack.hidden, wide, touched, stack.hidden * bias)
    yield run.elementwise("expert sum", layers, rows * stack.hidden, run.tokens * stack.hidden)
    if mixture.shared:
        yield from _feed_forward(stack, run, "shared expert ", layers, mixture.shared * mixture.intermediate)


def _grouped(
    run: Pass, name: str, runs: Any, rows: Any, n: Any, k: Any, touched: Any, bias: Any = 0
) -> Iterator[Operator]:
    """The products of some rows, each with the weights of its own expert or head, in one kernel."""
    yield from run.narrowed(name, runs, rows * k)
    yield Operator(
        name,
        "grouped_gemm",
        count=runs,
        m=rows,
        n=n,
        k=k,
        flops=physics.product_flops.plain(rows, n, k),
        weights=memory.weight_bytes.plain(touched * (n * k + bias), run.size),
        inputs=rows * k * run.size,
        outputs=rows * n * run.act,
        phase=run.phase,
    )


def cross_operators(stack: Stack, run: Pass, source: Any, keys: Any) -> Iterator[Operator]:
    """Yield the kernels of attention to `source` tokens in all, `keys` of each sequence, whose keys and values exist.

    Its norms are among those of the layers.
    """
    heads, wide = stack.heads // run.group, run.tokens * stack.hidden
    width, written = heads * stack.head_dim, source if run.training else 0
    query_bias = width * bool({"qkv", "qv"} & set(stack.biases))
    yield from run.products("cross query", stack.layers, width, stack.hidden, query_bias)
    yield Operator(
        "cross attention",
        "attention",
        count=stack.layers,
        m=run.tokens,
        n=keys,
        k=stack.head_dim,
        flops=transformer_physics.attention_flops.plain(1, heads, stack.head_dim, run.tokens * keys),
        inputs=run.tokens * width * run.act,
        outputs=run.tokens * width * run.act,
        kv=memory.kv_traffic_bytes.plain(1, heads, stack.head_dim, source, written, run.kv_size),
        phase=run.phase,
    )
    yield from run.products("cross output", stack.layers, stack.hidden, width, _output_bias(stack))
    yield from run.summed("cross all-reduce", stack.layers, wide)


def head_operators(run: Pass, rows: Any, columns: int, hidden: int, bias: bool = False) -> Iterator[Operator]:
    """Yield the output head, whose columns a group shares, and the logits gathered; in training, the loss in parts."""
    own = -(-columns // run.group)
    yield from run.products("output head", 1, own, hidden, own * bias, rows=rows)
    if run.training:
        yield run.elementwise("loss", 1, rows * own, rows, rows=rows)
    elif some(shared := run.group > 1):
        message = shared * rows * columns * run.act
        yield Operator("logits all-gather", "all_gather", message=message, group=run.group, phase=run.phase)
