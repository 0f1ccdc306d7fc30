"""Parameters, operations and traffic of a recommendation model, from its shape."""

from __future__ import annotations

from typing import Any

from mlsysim.physics.equation import count, equation, positive


@equation(
    "N_tables = ρ·d",
    "param",
    "naumov2019dlrm",
    rows=count("ρ"),
    width=count("d"),
)
def table_parameters(rows: Any, width: Any) -> Any:
    """Return the parameters of the embedding tables, N_tables = ρ·d.

    Parameters
    ----------
    rows
        ρ, rows of all tables.
    width
        d, width of a row.

    Returns
    -------
    Quantity
        N_tables [param].

    Notes
    -----
    Source: [naumov2019dlrm], section 2.1.

    Examples
    --------
    >>> print(table_parameters(204184588, 128).to("Bparam"))
    26.135627264 Bparam
    """
    return rows * width


@equation(
    "N_cross = 2·l·x·ρ",
    "param",
    "wang2021dcnv2",
    layers=count("l"),
    width=count("x"),
    rank=count("ρ"),
)
def cross_parameters(layers: Any, width: Any, rank: Any) -> Any:
    """Return the weights of low-rank cross layers, N_cross = 2·l·x·ρ: into the rank and back.

    Parameters
    ----------
    layers
        l, cross layers.
    width
        x, width of all features side by side.
    rank
        ρ, width between the two factors of a matrix.

    Returns
    -------
    Quantity
        N_cross [param], biases left out.

    Notes
    -----
    Source: [wang2021dcnv2], section 3.

    Examples
    --------
    >>> print(cross_parameters(3, 3456, 512))
    10616832 param
    """
    return 2 * layers * width * rank


@equation("F = 2·N_dense·B", "flop", "naumov2019dlrm", parameters=positive("N_dense", "param"), batch=count("B"))
def dense_flops(parameters: Any, batch: Any) -> Any:
    """Return the operations of the dense layers of a batch, F = 2·N_dense·B; the sums of rows are left out.

    Parameters
    ----------
    parameters
        N_dense, weights of the products, biases left out [param].
    batch
        B, samples.

    Returns
    -------
    Quantity
        F [FLOP].

    Notes
    -----
    Source: [naumov2019dlrm], section 2.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(dense_flops(Q_(16030464, "param"), 1).to("MFLOP"))
    32.060928 MFLOP
    """
    return 2 * parameters * batch


@equation(
    "W_read = b·(N_d + B·n·d)",
    "byte",
    "naumov2019dlrm",
    parameters=positive("N_d", "param"),
    batch=count("B"),
    lookups=count("n"),
    width=count("d"),
    element_size=positive("b", "byte"),
)
def read_bytes(parameters: Any, batch: Any, lookups: Any, width: Any, element_size: Any) -> Any:
    """Return the weights that a pass reads, W_read = b·(N_d + B·n·d): the dense ones once, of the tables some rows.

    Parameters
    ----------
    parameters
        N_d, parameters outside the tables [param].
    batch
        B, samples.
    lookups
        n, rows that one sample looks up, over all tables.
    width
        d, width of a row.
    element_size
        b, bytes of one element [byte].

    Returns
    -------
    Quantity
        W_read [byte]: every row comes from memory, also one that two samples look up.

    Notes
    -----
    Source: [naumov2019dlrm], section 2.1.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(f"{read_bytes(Q_(16044033, 'param'), 2048, 214, 128, Q_(4, 'byte')).to('MB'):.1f}")
    288.6 MB
    """
    return element_size * (parameters + batch * lookups * width)
