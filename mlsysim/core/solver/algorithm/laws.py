"""Laws of scaling as records, and the shape of a model of a given size."""

from __future__ import annotations

import math
from functools import cache, cached_property
from typing import Any, NamedTuple

from pydantic import model_validator

from mlsysim.errors import InputError
from mlsysim.models.transformer import TransformerWorkload
from mlsysim.physics import scaling as physics
from mlsysim.physics.transformer import training_flops
from mlsysim.records import Registry, Sourced, positive_in

Coefficient = positive_in("dimensionless")


class Loss(NamedTuple):
    """The coefficients of a law that has a loss, as `physics.scaling.predicted_loss` takes them."""

    irreducible: float
    parameter_scale: float
    token_scale: float
    parameter_exponent: float
    token_exponent: float

    def at(self, parameters: float, tokens: float) -> float:
        """The loss of a run [nat/token]."""
        return physics.predicted_loss.plain(parameters, tokens, *self)

    def tokens_to_reach(self, loss: float, parameters: float) -> float | None:
        """The tokens with which a model of some size reaches a loss: `predicted_loss` solved for D; None if none do."""
        left = loss - self.irreducible - (self.parameter_scale / parameters) ** self.parameter_exponent
        return self.token_scale * left ** (-1 / self.token_exponent) if left > 0 else None

    def least_lifetime(self, loss: float, inference_tokens: float) -> tuple[float, float]:
        """The size and the tokens that reach a loss with the least arithmetic in training and use together.

        With u + l = L - E, the terms of parameters and of tokens, the derivative of 6·N·D + 2·N·D_i along the curve of
        equal loss is zero where 3·D·((α/β)·u/l - 1) = D_i [sardana2024beyond]; the left side grows with u.
        """
        sum_of_terms = loss - self.irreducible
        ratio = self.parameter_exponent / self.token_exponent
        low, high = sum_of_terms / (1 + ratio), sum_of_terms
        while (middle := (low + high) / 2) not in (low, high):
            left = sum_of_terms - middle
            tokens = self.token_scale * left ** (-1 / self.token_exponent)
            low, high = (middle, high) if 3 * tokens * (ratio * middle / left - 1) < inference_tokens else (low, middle)
        parameters = self.parameter_scale * low ** (-1 / self.parameter_exponent)
        return parameters, self.token_scale * (sum_of_terms - low) ** (-1 / self.token_exponent)


class ScalingLaw(Sourced):
    """A law of scaling: a power law through a published point, or a loss by size and tokens.

    Parameters
    ----------
    name
        What it is called.
    exponent, reference_parameters, reference_compute
        Of a power law: N = reference_parameters·(C / reference_compute)^exponent.
    irreducible, A, B, alpha, beta
        Of a loss: L = irreducible + A / N^alpha + B / D^beta.
    note
        What a reader should know of it.

    Raises
    ------
    InputError
        If it is neither form, or both.

    Examples
    --------
    >>> print(LAWS["besiroglu"].source("beta").figure.value)
    0.3658
    """

    name: str
    exponent: Coefficient | None = None
    reference_parameters: positive_in("param") | None = None
    reference_compute: positive_in("flop") | None = None
    irreducible: Coefficient | None = None
    A: Coefficient | None = None
    B: Coefficient | None = None
    alpha: Coefficient | None = None
    beta: Coefficient | None = None
    note: str | None = None

    @model_validator(mode="after")
    def _one_form(self) -> ScalingLaw:
        power = [self.exponent, self.reference_parameters, self.reference_compute]
        loss = [self.irreducible, self.A, self.B, self.alpha, self.beta]
        if sorted([power.count(None), loss.count(None)]) not in ([0, 3], [0, 5]) or None not in power + loss:
            raise ValueError("it must have either an exponent and a reference point, or irreducible, A, B, alpha, beta")
        return self

    @cached_property
    def loss(self) -> Loss | None:
        """The coefficients of the loss; None for a law that has none."""
        if self.A is None:
            return None
        E, A, B, alpha, beta = (
            x.m_as("dimensionless") for x in (self.irreducible, self.A, self.B, self.alpha, self.beta)
        )
        return Loss(E, A ** (1 / alpha), B ** (1 / beta), alpha, beta)

    @cached_property
    def _reference(self) -> tuple[float, float, float]:
        point = self.reference_parameters.m_as("param"), self.reference_compute.m_as("flop")
        return *point, self.exponent.m_as("dimensionless")

    def optimum(self, budget: float) -> tuple[float, float]:
        """The size and the tokens that the law holds to be best for a budget in FLOP."""
        if self.loss is None:
            parameters = physics.power_law_parameters.plain(budget, *self._reference)
        else:
            parameters = physics.lowest_loss_parameters.plain(budget, training_flops.plain(1, 1), *self.loss[1:])
        return parameters, affordable(budget, parameters)

    def budget(self, parameters: float) -> float:
        """The budget in FLOP for which the law holds a size to be best: `optimum` solved for it.

        Examples
        --------
        >>> law = LAWS["besiroglu"]
        >>> f"{law.budget(law.optimum(1e23)[0]):.6g}"
        '1e+23'
        """
        if self.loss is None:
            size, start, exponent = self._reference
        else:
            start = training_flops.plain(parameters, parameters)
            size = self.optimum(start)[0]
            exponent = self.loss.token_exponent / (self.loss.parameter_exponent + self.loss.token_exponent)
        return start * (parameters / size) ** (1 / exponent)


LAWS: Registry[ScalingLaw] = Registry("scaling law", ScalingLaw.from_record, "mlsysim.core", "scaling_laws")


def affordable(budget: float, parameters: float) -> float:
    """The tokens that a budget pays for at some size."""
    return physics.affordable_tokens.plain(budget, training_flops.plain(parameters, 1))


_SHAPES: Registry[dict[str, Any]] = Registry("table of shapes", dict, "mlsysim.core", "shapes")


@cache
def workload_of(parameters: float) -> TransformerWorkload:
    """Return a decoder of about that many parameters, with the proportions of published ones.

    Its width over its depth is that of the published model nearest in size; widths are whole heads, the feed-forward
    block is four times as wide [hoffmann2022chinchilla]. Of the shapes within 2 % of the size, the one nearest to those
    proportions is taken.

    Raises
    ------
    InputError
        If no shape comes within 2 %: below about 2 million parameters.

    Examples
    --------
    >>> model = workload_of(70e9)
    >>> model.layers, model.hidden, f"{model.parameters.to('Bparam'):.1f}"
    (81, 8448, '69.6 Bparam')
    """
    table = _SHAPES["Chinchilla"]
    vocab = table["vocab"]
    _, width, head, depth = min(table["shapes"], key=lambda row: abs(math.log(row[0] * 1e6 / parameters)))
    near = []
    for hidden in range(head, int(2 * (parameters * width / depth / 12) ** (1 / 3)) + head, head):
        outside, layer = (vocab + 1) * hidden, 12 * hidden**2 + 2 * hidden
        layers = round((parameters - outside) / layer)
        if layers >= 1 and abs((outside + layers * layer) / parameters - 1) <= 0.02:
            near.append((abs(math.log(hidden / layers * depth / width)), hidden, layers))
    if not near:
        raise InputError(f"no model of whole layers and heads comes within 2 % of {parameters:.3g} parameters")
    _, hidden, layers = min(near)
    return TransformerWorkload(
        name=f"Decoder of {parameters / 1e9:.3g}B parameters",
        source=table["source"],
        layers=layers,
        hidden=hidden,
        heads=hidden // head,
        intermediate=4 * hidden,
        vocab=vocab,
        max_context=table["max_context"],
        tied_embeddings=True,
    )
