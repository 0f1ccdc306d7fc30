"""What a training step holds in memory, by term: weights, gradients, optimizer states, activations, buffers.

Each takes the degrees of parallelism: t tensor-parallel devices share a layer, p pipeline stages share the layers, and
z devices of a data-parallel group share what ZeRO partitions.
"""

from __future__ import annotations

from typing import Any

from mlsysim.physics.equation import count, equation, nonnegative, positive


@equation(
    "S = N·b / (t·p·z)",
    "byte",
    "rajbhandari2020zero",
    parameters=nonnegative("N", "param"),
    element_size=nonnegative("b", "byte"),
    tensor=count("t"),
    pipeline=count("p"),
    shards=count("z"),
)
def state_bytes(parameters: Any, element_size: Any, tensor: Any = 1, pipeline: Any = 1, shards: Any = 1) -> Any:
    """Return what one device holds of the weights, the gradients or the optimizer states, S = N·b/(t·p·z).

    Parameters
    ----------
    parameters
        N, parameters of the model, or those that are trained [param].
    element_size
        b, bytes for each of them: 2 and 2 for weights and gradients at 16 bits, 12 for Adam with a master copy [byte].
    tensor
        t, tensor-parallel devices.
    pipeline
        p, pipeline stages.
    shards
        z, data-parallel devices that share it: all of them for optimizer states from ZeRO stage 1, for gradients from
        2, for weights from 3; else 1.

    Returns
    -------
    Quantity
        S [byte].

    Notes
    -----
    Source: [rajbhandari2020zero], sections 3 and 5.

    Examples
    --------
    Optimizer states of 7.5 billion parameters, whole and over 64 devices:

    >>> from mlsysim import Q_
    >>> [state_bytes(Q_(7.5, "Bparam"), Q_(12, "byte"), shards=z).to("GB").magnitude for z in (1, 64)]
    [90.0, 1.40625]
    """
    return parameters * element_size / (tensor * pipeline * shards)


@equation(
    "N_r = L·r·d",
    "param",
    "hu2022lora",
    layers=count("L"),
    rank=count("r"),
    sides=count("d"),
)
def lora_parameters(layers: Any, rank: Any, sides: Any) -> Any:
    """Return the parameters of low-rank adapters, N_r = L·r·d.

    Parameters
    ----------
    layers
        L, layers.
    rank
        r, of each adapter.
    sides
        d, inputs and outputs of the adapted matrices of a layer, summed.

    Returns
    -------
    Quantity
        N_r [param].

    Notes
    -----
    Source: [hu2022lora], section 4.1.

    Examples
    --------
    Queries and values of GPT-3, rank 1 and 8 (4.7 and 37.7 million in table 4):

    >>> [f"{lora_parameters(96, rank, 4 * 12288).to('Mparam').magnitude:.1f}" for rank in (1, 8)]
    ['4.7', '37.7']
    """
    return layers * rank * sides


@equation(
    "σ = s·(b + δ)",
    "byte",
    "korthikanti2023reducing",
    seq_len=count("s"),
    element_size=positive("b", "byte"),
    dropout=nonnegative("δ", "byte"),
)
def score_bytes(seq_len: Any, element_size: Any, dropout: Any) -> Any:
    """Return the scores that one query of one head keeps for the backward pass, σ = s·(b + δ).

    Parameters
    ----------
    seq_len
        s, keys: also those that a causal mask hides.
    element_size
        b, bytes of the softmax of a score [byte].
    dropout
        δ, bytes of its dropped-out copy and of the mask: 2 + 1 at 16 bits; without dropout 0 [byte].

    Returns
    -------
    Quantity
        σ [byte]: 5·s with dropout, 2·s without. FlashAttention keeps 4 in their place, the logarithm of the sum of the
        exponentials in fp32 [dao2022flashattention].

    Notes
    -----
    Source: [korthikanti2023reducing], section 4.1.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(score_bytes(2048, Q_(2, "byte"), Q_(3, "byte")))
    10240 B
    """
    return seq_len * (element_size + dropout)


@equation(
    "A_layer = T·((b·c + μ)·h / r + (b·w + a·σ) / t)",
    "byte",
    "korthikanti2023reducing",
    tokens=positive("T", "token"),
    hidden=count("h"),
    rows=count("c"),
    masks=nonnegative("μ", "byte"),
    widths=nonnegative("w", "dimensionless"),
    heads=count("a"),
    scores=nonnegative("σ", "byte"),
    element_size=positive("b", "byte"),
    tensor=count("t"),
    sequence=count("r"),
)
def layer_activation_bytes(
    tokens: Any,
    hidden: Any,
    rows: Any,
    masks: Any,
    widths: Any,
    heads: Any,
    scores: Any,
    element_size: Any,
    tensor: Any = 1,
    sequence: Any = 1,
) -> Any:
    """Return what one layer keeps for its backward pass, A_layer = T·((b·c + μ)·h/r + (b·w + a·σ)/t).

    A tensor is kept if a product or an element-wise operation needs it. For each token these are, in elements:
    the input of each norm h; the input of the query, key and value products h; queries, keys and values; the output of
    attention, which is the input of the next product; the input of the feed-forward block h; in a plain block the input
    and the output of the activation function, 2·i, in a gated one gate, up and their product, 3·i. A token that meets
    k experts has k rows of width h more that go in and k that come out. At 16 bits, with dropout, a GPT layer of
    i = 4·h keeps c = 4, μ = 2, w = 12·h, σ = 5·s: the 34·s·b·h + 5·a·s²·b of the source.

    Parameters
    ----------
    tokens
        T, tokens of a microbatch [token].
    hidden
        h, width of the residual stream.
    rows
        c, tensors of that width: inputs of norms, of the attention and the feed-forward block, and of experts.
    masks
        μ, dropout masks for each element of that width: 2 of one byte, or 0 [byte].
    widths
        w, widths of the tensors that tensor parallelism divides: of queries, keys, values, attention output and
        feed-forward block.
    heads
        a, query heads.
    scores
        σ, kept for each query of a head, see `score_bytes`; 0 with selective recomputation [byte].
    element_size
        b, bytes of one element [byte].
    tensor
        t, tensor-parallel devices.
    sequence
        r, t if the rest is divided along the sequence too (sequence parallelism), else 1.

    Returns
    -------
    Quantity
        A_layer [byte].

    Notes
    -----
    Source: [korthikanti2023reducing], section 4: table 2.

    Examples
    --------
    One layer of GPT-3 with one sequence of 2048 tokens:

    >>> from mlsysim import Q_
    >>> T, b, h = Q_(2048, "token"), Q_(2, "byte"), 12288
    >>> layer = layer_activation_bytes(T, h, 4, Q_(2, "byte"), 12 * h, 96, Q_(5 * 2048, "byte"), b)
    >>> print(f"{layer.magnitude / (2048 * h):.0f} bytes an element: 34 + {5 * 96 * 2048 / h:.0f}")
    114 bytes an element: 34 + 80
    """
    whole = (element_size * rows + masks) * hidden / sequence
    return tokens * (whole + (element_size * widths + heads * scores) / tensor)


@equation(
    "A_ckpt = T·b·h / r",
    "byte",
    "korthikanti2023reducing",
    tokens=positive("T", "token"),
    hidden=count("h"),
    element_size=positive("b", "byte"),
    sequence=count("r"),
)
def checkpoint_bytes(tokens: Any, hidden: Any, element_size: Any, sequence: Any = 1) -> Any:
    """Return what a layer keeps that is computed again in full, A_ckpt = T·b·h/r: its input.

    Parameters
    ----------
    tokens
        T, tokens of a microbatch [token].
    hidden
        h, width of the residual stream.
    element_size
        b, bytes of one element [byte].
    sequence
        r, devices among which the input is divided along the sequence.

    Returns
    -------
    Quantity
        A_ckpt [byte].

    Notes
    -----
    Source: [korthikanti2023reducing], table 2.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(checkpoint_bytes(Q_(2048, "token"), 4096, Q_(2, "byte")).to("MB"))
    16.777216 MB
    """
    return tokens * element_size * hidden / sequence


@equation(
    "A_head = (2·T·b·h + b_z·Z) / t",
    "byte",
    "korthikanti2023reducing",
    tokens=positive("T", "token"),
    hidden=count("h"),
    element_size=positive("b", "byte"),
    logits=nonnegative("Z", "dimensionless"),
    logit_size=positive("b_z", "byte"),
    tensor=count("t"),
)
def head_activation_bytes(
    tokens: Any, hidden: Any, element_size: Any, logits: Any, logit_size: Any, tensor: Any = 1
) -> Any:
    """Return what the end of the network keeps, A_head = (2·T·b·h + b_z·Z)/t: inputs of last norm and head, logits.

    Parameters
    ----------
    tokens
        T, tokens of a microbatch [token].
    hidden
        h, width of the residual stream.
    element_size
        b, bytes of one element [byte].
    logits
        Z, elements that the head writes: one for each token and word.
    logit_size
        b_z, bytes of a logit: 4, because the loss is computed in fp32 [byte].
    tensor
        t, tensor-parallel devices.

    Returns
    -------
    Quantity
        A_head [byte].

    Notes
    -----
    Source: [korthikanti2023reducing], section 4.3: 4·s·b·(h + v)/t at 16 bits.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> end = head_activation_bytes(Q_(2048, "token"), 4096, Q_(2, "byte"), 2048 * 128256, Q_(4, "byte"))
    >>> print(f"{end.to('GB'):.2f}")
    1.08 GB
    """
    return (2 * tokens * element_size * hidden + logit_size * logits) / tensor


@equation(
    "U_loss = Z·(b + 2·b_z) / t",
    "byte",
    "pytorch2025amp",
    logits=nonnegative("Z", "dimensionless"),
    element_size=positive("b", "byte"),
    logit_size=positive("b_z", "byte"),
    tensor=count("t"),
)
def loss_bytes(logits: Any, element_size: Any, logit_size: Any, tensor: Any = 1) -> Any:
    """Return what is alive beside the kept logits while a loss that no kernel fuses is differentiated.

    U_loss = Z·(b + 2·b_z)/t: the output of the head, and the gradients of the likelihood and of the logarithm of the
    softmax, in the format of the loss.

    Parameters
    ----------
    logits
        Z, elements that the head writes: one for each token and word.
    element_size
        b, bytes of one element [byte].
    logit_size
        b_z, bytes of a logit: 4, because the loss is computed in fp32 [byte].
    tensor
        t, tensor-parallel devices.

    Returns
    -------
    Quantity
        U_loss [byte].

    Notes
    -----
    Source: [pytorch2025amp]: a framework casts the input of a loss to fp32.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(f"{loss_bytes(32768 * 128256, Q_(2, 'byte'), Q_(4, 'byte')).to('GiB'):.1f}")
    39.1 GiB
    """
    return logits * (element_size + 2 * logit_size) / tensor


@equation(
    "A = L·m·A_layer / p + A_head",
    "byte",
    "korthikanti2023reducing",
    layers=count("L"),
    layer=nonnegative("A_layer", "byte"),
    head=nonnegative("A_head", "byte"),
    pipeline=count("p"),
    in_flight=count("m"),
)
def kept_activation_bytes(layers: Any, layer: Any, head: Any, pipeline: Any = 1, in_flight: Any = 1) -> Any:
    """Return the activations that a device keeps for the backward pass, A = L·m·A_layer/p + A_head.

    Parameters
    ----------
    layers
        L, layers of the model.
    layer
        A_layer, of one layer and microbatch, see `layer_activation_bytes` and `checkpoint_bytes` [byte].
    head
        A_head, of the end of the network, where it lies on this device [byte].
    pipeline
        p, pipeline stages.
    in_flight
        m, microbatches whose backward pass is still to come: p in the first stage of the 1F1B schedule.

    Returns
    -------
    Quantity
        A [byte].

    Notes
    -----
    Source: [korthikanti2023reducing], section 4.2.3.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(kept_activation_bytes(32, Q_(0.5, "GB"), Q_(1, "GB")).to("GB"))
    17.0 GB
    """
    return layers * in_flight * layer / pipeline + head


@equation(
    "M = W + G + O + A + U",
    "byte",
    "rajbhandari2020zero",
    weights=nonnegative("W", "byte"),
    gradients=nonnegative("G", "byte"),
    optimizer=nonnegative("O", "byte"),
    activations=nonnegative("A", "byte"),
    buffers=nonnegative("U", "byte"),
)
def training_footprint(weights: Any, gradients: Any, optimizer: Any, activations: Any, buffers: Any) -> Any:
    """Return the memory that a training step needs, M = W + G + O + A + U.

    Parameters
    ----------
    weights
        W [byte]; scalar or array.
    gradients
        G [byte].
    optimizer
        O, its states and the master copy of the weights [byte].
    activations
        A, kept for the backward pass [byte].
    buffers
        U, gradients of activations that are alive at once, and activations of a layer that is computed again [byte].

    Returns
    -------
    Quantity
        M [byte]; what the runtime itself holds is not in it, nor what fragmentation loses.

    Notes
    -----
    Source: [rajbhandari2020zero], section 3.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(training_footprint(*(Q_(gigabytes, "GB") for gigabytes in (2, 2, 12, 3, 1))).to("GB"))
    20.0 GB
    """
    return weights + gradients + optimizer + activations + buffers
