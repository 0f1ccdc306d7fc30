"""Attention beyond the plain kind: latent (MLA), whose cache is compressed, and windows, which bound what is seen."""

from __future__ import annotations

from typing import Any

from mlsysim.physics.elementwise import minimum
from mlsysim.physics.equation import count, equation, nonnegative, positive


@equation(
    "N_kv = h·(c + r) + c·a·(n + v)",
    "param",
    "deepseek2024v2",
    hidden=count("h"),
    heads=count("a"),
    kv_rank=count("c"),
    rope_dim=count("r"),
    nope_dim=count("n"),
    value_dim=count("v"),
)
def latent_kv_parameters(hidden: Any, heads: Any, kv_rank: Any, rope_dim: Any, nope_dim: Any, value_dim: Any) -> Any:
    """Return the weights that make the keys and values of latent attention, N_kv = h·(c + r) + c·a·(n + v).

    The token is compressed to c + r elements, which are what the cache keeps; keys and values are made of them.

    Parameters
    ----------
    hidden
        h, width of the residual stream.
    heads
        a, heads.
    kv_rank
        c, width of the compressed keys and values.
    rope_dim
        r, width of the key that carries the position, shared by all heads.
    nope_dim
        n, width of a head's key without a position.
    value_dim
        v, width of a head's value.

    Returns
    -------
    Quantity
        N_kv [param], norms left out.

    Notes
    -----
    Source: [deepseek2024v2], section 2.1.2.

    Examples
    --------
    >>> print(f"{latent_kv_parameters(7168, 128, 512, 64, 128, 128).to('Mparam'):.1f}")
    20.9 Mparam
    """
    return hidden * (kv_rank + rope_dim) + kv_rank * heads * (nope_dim + value_dim)


@equation(
    "N_q = q·(h + a·d)", "param", "deepseek2024v2", hidden=count("h"), rank=count("q"), heads=count("a"), dim=count("d")
)
def compressed_query_parameters(hidden: Any, rank: Any, heads: Any, dim: Any) -> Any:
    """Return the weights that make compressed queries, N_q = q·(h + a·d).

    Parameters
    ----------
    hidden
        h, width of the residual stream.
    rank
        q, width of the compressed query.
    heads
        a, heads.
    dim
        d, width of a head's query.

    Returns
    -------
    Quantity
        N_q [param], norms left out.

    Notes
    -----
    Source: [deepseek2024v2], section 2.1.2.

    Examples
    --------
    >>> print(f"{compressed_query_parameters(7168, 1536, 128, 192).to('Mparam'):.2f}")
    48.76 Mparam
    """
    return rank * (hidden + heads * dim)


@equation(
    "F_attn = 2·L·a·(q + v)·p",
    "flop",
    "deepseek2024v2",
    layers=count("L"),
    heads=count("a"),
    query_dim=count("q"),
    value_dim=count("v"),
    pairs=count("p"),
)
def latent_attention_flops(layers: Any, heads: Any, query_dim: Any, value_dim: Any, pairs: Any) -> Any:
    """Return the operations of the scores and of their sum over the values, F_attn = 2·L·a·(q + v)·p.

    A prefill makes keys and values of the compressed ones: q = n + r, v as the model has it. Decoding absorbs those
    products into the query and the output and attends to the cache as it is: q = c + r, v = c.

    Parameters
    ----------
    layers
        L, attention layers.
    heads
        a, heads.
    query_dim
        q, width in which a query meets a key.
    value_dim
        v, width in which the values are summed.
    pairs
        p, pairs of a query and a key.

    Returns
    -------
    Quantity
        F_attn [FLOP].

    Notes
    -----
    Source: [deepseek2024v2], section 2.1.2 and appendix C.

    Examples
    --------
    DeepSeek-V3 decoding, for one token of context:

    >>> print(latent_attention_flops(61, 128, 576, 512, 1).to("MFLOP"))
    16.990208 MFLOP
    """
    return 2 * layers * heads * (query_dim + value_dim) * pairs


@equation(
    "K = L·(c + r)·T·b",
    "byte",
    "deepseek2024v2",
    layers=count("L"),
    kv_rank=count("c"),
    rope_dim=count("r"),
    tokens=nonnegative("T", "token"),
    element_size=positive("b", "byte"),
)
def latent_cache_bytes(layers: Any, kv_rank: Any, rope_dim: Any, tokens: Any, element_size: Any) -> Any:
    """Return the size of the cache of latent attention, K = L·(c + r)·T·b: no heads in it.

    Parameters
    ----------
    layers
        L, attention layers.
    kv_rank
        c, width of the compressed keys and values.
    rope_dim
        r, width of the key that carries the position.
    tokens
        T, tokens kept, over all sequences [token].
    element_size
        b, bytes of one element [byte].

    Returns
    -------
    Quantity
        K [byte].

    Notes
    -----
    Source: [deepseek2024v2], table 1.

    Examples
    --------
    DeepSeek-V3 at 16 bits:

    >>> from mlsysim import Q_
    >>> print(latent_cache_bytes(61, 512, 64, Q_(1, "token"), Q_(2, "byte")))
    70272 B
    """
    return layers * (kv_rank + rope_dim) * tokens * element_size


@equation(
    "K_rw = L·(c + r)·(T + t)·b",
    "byte",
    "deepseek2024v2",
    layers=count("L"),
    kv_rank=count("c"),
    rope_dim=count("r"),
    cached=nonnegative("T", "token"),
    new=positive("t", "token"),
    element_size=positive("b", "byte"),
)
def latent_traffic_bytes(layers: Any, kv_rank: Any, rope_dim: Any, cached: Any, new: Any, element_size: Any) -> Any:
    """Return what a pass reads of and writes to the cache of latent attention, K_rw = L·(c + r)·(T + t)·b.

    Parameters
    ----------
    layers
        L, attention layers.
    kv_rank
        c, width of the compressed keys and values.
    rope_dim
        r, width of the key that carries the position.
    cached
        T, tokens that are read, once each [token].
    new
        t, tokens that are written [token].
    element_size
        b, bytes of one element [byte].

    Returns
    -------
    Quantity
        K_rw [byte]; the keys and values that a prefill makes of it are not in it.

    Notes
    -----
    Source: [deepseek2024v2], section 2.1.2.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(latent_traffic_bytes(61, 512, 64, Q_(4096, "token"), Q_(1, "token"), Q_(2, "byte")).to("MB"))
    287.904384 MB
    """
    return layers * (kv_rank + rope_dim) * (cached + new) * element_size


@equation(
    "T = B·(g·S + l·min(S, w)) / (g + l)",
    "token",
    "beltagy2020longformer",
    batch=count("B"),
    seq_len=count("S"),
    window=count("w"),
    everywhere=nonnegative("g", "dimensionless"),
    local=count("l"),
)
def kept_tokens(batch: Any, seq_len: Any, window: Any, everywhere: Any, local: Any) -> Any:
    """Return the tokens that a layer keeps and a new token sees, T = B·(g·S + l·min(S, w))/(g + l).

    It is the mean over the layers, of which some have a window.

    Parameters
    ----------
    batch
        B, sequences.
    seq_len
        S, tokens of each, the newest included.
    window
        w, tokens that a layer with a window sees, the newest included.
    everywhere
        g, layers without one, which see all tokens.
    local
        l, layers with a window.

    Returns
    -------
    Quantity
        T [token].

    Notes
    -----
    Source: sliding windows, [beltagy2020longformer], section 3.1.

    Examples
    --------
    Gemma 3 27B, 52 layers with a window and 10 without:

    >>> print(f"{kept_tokens(1, 32768, 1024, 10, 52):.0f}")
    6144 token
    """
    return batch * (everywhere * seq_len + local * minimum(seq_len, window)) / (everywhere + local)


@equation(
    "p_w = B·(min(S, w)·(min(S, w) + 1) / 2 + (S - min(S, w))·w)",
    "dimensionless",
    "beltagy2020longformer",
    batch=count("B"),
    seq_len=count("S"),
    window=count("w"),
)
def window_pairs(batch: Any, seq_len: Any, window: Any) -> Any:
    """Return the pairs of a query and a key in a causal prefill with a window, p_w = B·(m·(m + 1)/2 + (S - m)·w).

    m = min(S, w): the first m tokens see all before them, each later one sees w.

    Parameters
    ----------
    batch
        B, sequences.
    seq_len
        S, tokens of each.
    window
        w, tokens that a token sees, itself included.

    Returns
    -------
    Quantity
        p_w [dimensionless].

    Notes
    -----
    Source: sliding windows, [beltagy2020longformer], section 3.1.

    Examples
    --------
    Of four tokens with a window of two, the first sees one, the others two:

    >>> window_pairs(1, 4, 2).magnitude
    7.0
    """
    first = minimum(seq_len, window)
    return batch * (first * (first + 1) / 2 + (seq_len - first) * window)


@equation(
    "p = (g·p_g + l·p_w) / (g + l)",
    "dimensionless",
    "beltagy2020longformer",
    everywhere=nonnegative("g", "dimensionless"),
    local=count("l"),
    pairs=nonnegative("p_g", "dimensionless"),
    windowed=nonnegative("p_w", "dimensionless"),
)
def mean_pairs(everywhere: Any, local: Any, pairs: Any, windowed: Any) -> Any:
    """Return the pairs of a query and a key in a layer, the mean over the layers, p = (g·p_g + l·p_w)/(g + l).

    Parameters
    ----------
    everywhere
        g, layers without a window.
    local
        l, layers with one.
    pairs
        p_g, pairs in a layer without one.
    windowed
        p_w, pairs in a layer with one, see `window_pairs`.

    Returns
    -------
    Quantity
        p [dimensionless].

    Notes
    -----
    Source: sliding windows, [beltagy2020longformer], section 3.1.

    Examples
    --------
    >>> mean_pairs(1, 1, 10, 7).magnitude
    8.5
    """
    return (everywhere * pairs + local * windowed) / (everywhere + local)


@equation(
    "A_x = b·T·L·(5·h + 4·a·d)",
    "byte",
    "ivanov2021data",
    tokens=positive("T", "token"),
    layers=count("L"),
    hidden=count("h"),
    heads=count("a"),
    head_dim=count("d"),
    element_size=positive("b", "byte"),
)
def cross_activation_bytes(tokens: Any, layers: Any, hidden: Any, heads: Any, head_dim: Any, element_size: Any) -> Any:
    """Return the activations that attention to another sequence reads and writes, A_x = b·T·L·(5·h + 4·a·d).

    Per token and layer: norm 2·h; queries h + a·d; attention 2·a·d; output a·d + 2·h with the residual.

    Parameters
    ----------
    tokens
        T, tokens that attend [token].
    layers
        L, layers.
    hidden
        h, width of the residual stream.
    heads
        a, query heads.
    head_dim
        d, width of a head.
    element_size
        b, bytes of one element [byte].

    Returns
    -------
    Quantity
        A_x [byte].

    Notes
    -----
    Source: the counting rule of [ivanov2021data].

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(cross_activation_bytes(Q_(1, "token"), 12, 768, 12, 64, Q_(2, "byte")).to("kB"))
    165.888 kB
    """
    return element_size * tokens * layers * (5 * hidden + 4 * heads * head_dim)
