"""How much to train: parameters, tokens and loss for a budget of arithmetic, and what use takes after that."""

from __future__ import annotations

from typing import Any

from mlsysim.physics.elementwise import power
from mlsysim.physics.equation import equation, nonnegative, positive, share


@equation(
    "L = E + (N_c / N)**α + (D_c / D)**β",
    "dimensionless",
    "hoffmann2022chinchilla",
    parameters=positive("N", "param"),
    tokens=positive("D", "token"),
    irreducible=nonnegative("E", "dimensionless"),
    parameter_scale=positive("N_c", "param"),
    token_scale=positive("D_c", "token"),
    parameter_exponent=share("α"),
    token_exponent=share("β"),
)
def predicted_loss(
    parameters: Any,
    tokens: Any,
    irreducible: Any,
    parameter_scale: Any,
    token_scale: Any,
    parameter_exponent: Any,
    token_exponent: Any,
) -> Any:
    """Return the loss that a training run reaches, L = E + (N_c / N)^α + (D_c / D)^β.

    Parameters
    ----------
    parameters
        N, parameters of the model [param]; scalar or array.
    tokens
        D, tokens trained on [token].
    irreducible
        E, loss that no model and no amount of text removes [nat/token].
    parameter_scale, token_scale
        N_c and D_c, the size and the tokens at which their term is 1 nat [param], [token].
    parameter_exponent, token_exponent
        α and β, how fast the terms fall.

    Returns
    -------
    Quantity
        L [nat/token].

    Notes
    -----
    Source: [hoffmann2022chinchilla], equation 10, with A = N_c^α and B = D_c^β.

    Examples
    --------
    Chinchilla, with the coefficients of [besiroglu2024chinchilla]:

    >>> from mlsysim import Q_
    >>> scales = Q_(482.01 ** (1 / 0.3478), "param"), Q_(2085.43 ** (1 / 0.3658), "token")
    >>> print(f"{predicted_loss(Q_(70, 'Bparam'), Q_(1400, 'Btoken'), 1.8172, *scales, 0.3478, 0.3658).magnitude:.3f}")
    1.974
    """
    return (
        irreducible
        + power(parameter_scale / parameters, parameter_exponent)
        + power(token_scale / tokens, token_exponent)
    )


@equation(
    "N = N_0·(C / C_0)**a",
    "param",
    "hoffmann2022chinchilla",
    budget=positive("C", "flop"),
    reference_parameters=positive("N_0", "param"),
    reference_budget=positive("C_0", "flop"),
    exponent=share("a"),
)
def power_law_parameters(budget: Any, reference_parameters: Any, reference_budget: Any, exponent: Any) -> Any:
    """Return the compute-optimal size by a power law through a known point, N = N_0·(C / C_0)^a.

    Parameters
    ----------
    budget
        C, arithmetic of the training run [FLOP]; scalar or array.
    reference_parameters, reference_budget
        N_0, the optimal size for a budget of C_0 [param], [FLOP].
    exponent
        a, how fast the size grows with the budget.

    Returns
    -------
    Quantity
        N [param].

    Notes
    -----
    Source: [hoffmann2022chinchilla], section 3.1.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> size = power_law_parameters(Q_(5.76e23, "FLOP"), Q_(0.4, "Bparam"), Q_(1.92e19, "FLOP"), 0.5)
    >>> print(f"{size.to('Bparam'):.1f}")
    69.3 Bparam
    """
    return reference_parameters * power(budget / reference_budget, exponent)


@equation(
    "N = N_c·(α / β)**(1 / (α + β))·(C / (c·N_c·D_c))**(β / (α + β))",
    "param",
    "hoffmann2022chinchilla",
    budget=positive("C", "flop"),
    unit_flops=positive("c", "flop"),
    parameter_scale=positive("N_c", "param"),
    token_scale=positive("D_c", "token"),
    parameter_exponent=share("α"),
    token_exponent=share("β"),
)
def lowest_loss_parameters(
    budget: Any,
    unit_flops: Any,
    parameter_scale: Any,
    token_scale: Any,
    parameter_exponent: Any,
    token_exponent: Any,
) -> Any:
    """Return the size that minimises `predicted_loss` for a budget.

    N = N_c·(α / β)^(1 / (α + β))·(C / (c·N_c·D_c))^(β / (α + β)).

    Parameters
    ----------
    budget
        C = c·N·D, arithmetic of the training run [FLOP]; scalar or array.
    unit_flops
        c, training arithmetic of one parameter on one token: 6 [FLOP].
    parameter_scale, token_scale
        N_c and D_c, as in `predicted_loss` [param], [token].
    parameter_exponent, token_exponent
        α and β, as in `predicted_loss`.

    Returns
    -------
    Quantity
        N [param].

    Notes
    -----
    Source: [hoffmann2022chinchilla], equation 4: G = (α·A / (β·B))^(1 / (α + β)), N = G·(C / 6)^(β / (α + β)).

    Examples
    --------
    >>> from mlsysim import Q_
    >>> scales = Q_(482.01 ** (1 / 0.3478), "param"), Q_(2085.43 ** (1 / 0.3658), "token")
    >>> size = lowest_loss_parameters(Q_(5.76e23, "FLOP"), Q_(6, "FLOP"), *scales, 0.3478, 0.3658)
    >>> print(f"{size.to('Bparam'):.1f}")
    72.2 Bparam
    """
    both = parameter_exponent + token_exponent
    balance = power(parameter_exponent / token_exponent, 1 / both)
    return (
        parameter_scale * balance * power(budget / (unit_flops * parameter_scale * token_scale), token_exponent / both)
    )


@equation(
    "D = C / C_1",
    "token",
    "kaplan2020scaling",
    budget=positive("C", "flop"),
    flops_per_token=positive("C_1", "flop"),
)
def affordable_tokens(budget: Any, flops_per_token: Any) -> Any:
    """Return the tokens that a budget pays for, D = C / C_1.

    Parameters
    ----------
    budget
        C, arithmetic of the training run [FLOP]; scalar or array.
    flops_per_token
        C_1, arithmetic of training on one token, `training_flops` of it [FLOP].

    Returns
    -------
    Quantity
        D [token].

    Notes
    -----
    Source: [kaplan2020scaling], section 2.1: C = 6·N·D.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(affordable_tokens(Q_(5.88e23, "FLOP"), Q_(6 * 70e9, "FLOP")).to("Btoken"))
    1400.0 Btoken
    """
    return budget / flops_per_token


@equation(
    "r = D / N",
    "dimensionless",
    "hoffmann2022chinchilla",
    tokens=positive("D", "token"),
    parameters=positive("N", "param"),
)
def tokens_per_parameter(tokens: Any, parameters: Any) -> Any:
    """Return the tokens that a model is trained on for each of its parameters, r = D / N.

    Parameters
    ----------
    tokens
        D, tokens trained on [token]; scalar or array.
    parameters
        N, parameters of the model [param].

    Returns
    -------
    Quantity
        r [dimensionless]; about 20 is compute-optimal.

    Notes
    -----
    Source: [hoffmann2022chinchilla], table 3.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(tokens_per_parameter(Q_(1400, "Btoken"), Q_(70, "Bparam")).magnitude)
    20.0
    """
    return tokens / parameters


@equation(
    "C_l = 6·N·D + 2·N·D_i",
    "flop",
    "sardana2024beyond",
    parameters=positive("N", "param"),
    tokens=positive("D", "token"),
    inference_tokens=nonnegative("D_i", "token"),
)
def lifetime_flops(parameters: Any, tokens: Any, inference_tokens: Any) -> Any:
    """Return the operations of training a model and then using it, C_l = 6·N·D + 2·N·D_i.

    Parameters
    ----------
    parameters
        N, parameters that every token meets [param]; scalar or array.
    tokens
        D, tokens trained on [token].
    inference_tokens
        D_i, tokens read and written in all its use [token].

    Returns
    -------
    Quantity
        C_l [FLOP].

    Notes
    -----
    Source: [sardana2024beyond], equation 2.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(f"{lifetime_flops(Q_(7, 'Bparam'), Q_(1000, 'Btoken'), Q_(2000, 'Btoken')).magnitude:.2g}")
    7e+22
    """
    return 6 * parameters * tokens + 2 * parameters * inference_tokens


@equation(
    "ΔC = C - C_0",
    "flop",
    "sardana2024beyond",
    flops=nonnegative("C", "flop"),
    reference=nonnegative("C_0", "flop"),
)
def extra_flops(flops: Any, reference: Any) -> Any:
    """Return by how much one amount of arithmetic exceeds another, ΔC = C - C_0.

    Parameters
    ----------
    flops
        C, operations [FLOP]; scalar or array.
    reference
        C_0, what they are compared with [FLOP].

    Returns
    -------
    Quantity
        ΔC [FLOP]; negative where C is the smaller.

    Notes
    -----
    Source: [sardana2024beyond], section 2.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(extra_flops(Q_(3, "EFLOP"), Q_(2, "EFLOP")).to("EFLOP"))
    1.0 EFLOP
    """
    return flops - reference


@equation(
    "D_i = ΔC / c_s",
    "token",
    "sardana2024beyond",
    extra_training=positive("ΔC", "flop"),
    saved_per_token=positive("c_s", "flop"),
)
def break_even_tokens(extra_training: Any, saved_per_token: Any) -> Any:
    """Return the tokens of use after which a smaller model, trained for longer, has paid off, D_i = ΔC / c_s.

    Parameters
    ----------
    extra_training
        ΔC, what it takes more to train it to the same loss [FLOP]; scalar or array.
    saved_per_token
        c_s, what it takes less for each token of use [FLOP].

    Returns
    -------
    Quantity
        D_i [token].

    Notes
    -----
    Source: [sardana2024beyond], section 2: where both lifetimes take the same arithmetic.

    Examples
    --------
    >>> from mlsysim import Q_
    >>> print(f"{break_even_tokens(Q_(1e22, 'FLOP'), Q_(10, 'GFLOP')).to('Btoken'):.0f}")
    1000 Btoken
    """
    return extra_training / saved_per_token


@equation(
    "ΔL = L - L_0",
    "dimensionless",
    "hoffmann2022chinchilla",
    loss=positive("L", "dimensionless"),
    lowest=positive("L_0", "dimensionless"),
)
def loss_penalty(loss: Any, lowest: Any) -> Any:
    """Return what a size other than the optimal one costs in loss, ΔL = L - L_0.

    Parameters
    ----------
    loss
        L, loss of the run [nat/token]; scalar or array.
    lowest
        L_0, lowest loss that the same budget can reach [nat/token].

    Returns
    -------
    Quantity
        ΔL [nat/token].

    Notes
    -----
    Source: [hoffmann2022chinchilla], section 3.3.

    Examples
    --------
    >>> print(f"{loss_penalty(2.05, 2.0).magnitude:.2f}")
    0.05
    """
    return loss - lowest
