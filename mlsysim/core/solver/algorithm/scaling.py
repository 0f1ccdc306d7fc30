"""How large a model to train, and on how much text, for a budget of arithmetic."""

from __future__ import annotations

from numbers import Real
from typing import Any

from mlsysim.core.result import Field, Result
from mlsysim.core.solver.algorithm.laws import LAWS, Loss, ScalingLaw, affordable, workload_of
from mlsysim.core.solver.base import Solver
from mlsysim.errors import InputError, InputTypeError, shown
from mlsysim.models.transformer import TransformerWorkload
from mlsysim.physics import scaling as physics
from mlsysim.physics.equation import part
from mlsysim.physics.transformer import training_flops
from mlsysim.units import pretty, strip


class ScalingResult(Result):
    """How a budget of arithmetic is best spent on parameters and tokens."""

    law = Field("Law", kind=str)
    compute_budget = Field("Budget", "flop", "EFLOP")
    parameters = Field("Parameters", "param", "Bparam")
    optimal_tokens = Field("Tokens", "token")
    tokens_per_parameter = Field("Tokens for each parameter", kind=float)
    regime = Field("Compared with the optimum", kind=str)
    predicted_loss = Field("Loss [nat/token]", optional=True, kind=float)
    loss_penalty = Field("  above the lowest", optional=True, kind=float)
    optimal_parameters = Field("Optimal parameters", "param", "Bparam")
    optimal_ratio = Field("  tokens for each", kind=float)
    training_compute = Field("Arithmetic of training", "flop", "EFLOP")
    inference_tokens = Field("Tokens of use", "token", optional=True)
    lifetime_compute = Field("Arithmetic of training and use", "flop", "EFLOP", optional=True)
    lifetime_saved = Field("  less than that of the compute-optimal model", "flop", "EFLOP", optional=True)
    break_even_tokens = Field("Tokens of use that pay for a smaller model", "token", optional=True)
    notes = Field("Notes", kind=tuple[str, ...])

    @property
    def model(self) -> TransformerWorkload:
        """A decoder of that many parameters, with the proportions of published ones; made when it is asked for.

        Examples
        --------
        >>> from mlsysim import Q_, ScalingModel
        >>> print(f"{ScalingModel().solve(Q_(5.76e23, 'FLOP')).model.parameters.to('Bparam'):.1f}")
        69.6 Bparam
        """
        return workload_of(self.plain["parameters"])


class ScalingModel(Solver):
    """Wall 11: the split of a training budget between parameters and tokens that gives the lowest loss.

    C = 6·N·D [kaplan2020scaling]; the laws say which N is best for a C: `"chinchilla"`, `"chinchilla_2"` and
    `"chinchilla_3"` are the three approaches of [hoffmann2022chinchilla], `"besiroglu"` is the third one refitted
    [besiroglu2024chinchilla], `"kaplan"` the older law [kaplan2020scaling].

    Examples
    --------
    >>> from mlsysim import Q_, ScalingModel
    >>> result = ScalingModel().solve(Q_(5.76e23, "FLOP"))
    >>> print(f"{result.optimal_parameters:.1f}, {result.tokens_per_parameter:.1f} tokens for each")
    69.3 Bparam, 20.0 tokens for each
    """

    def solve(
        self,
        compute_budget: Any,
        target_model_size: Any = None,
        *,
        law: str = "chinchilla",
        inference_tokens: Any = None,
    ) -> ScalingResult:
        """Return the size and the tokens that a law holds to be best, or what the budget buys at a size of your own.

        Parameters
        ----------
        compute_budget
            Arithmetic of the training run, recomputation left out [FLOP].
        target_model_size
            Parameters of the model to be trained [param]: then `parameters` is this size and `optimal_tokens` what the
            whole budget buys for it, while `optimal_parameters` stays the size that the law prefers.
        law
            One of `"chinchilla"`, `"chinchilla_2"`, `"chinchilla_3"`, `"besiroglu"`, `"kaplan"`.
        inference_tokens
            Tokens that the model will read and write in its life [token]. The optimum is then the model that takes the
            least arithmetic in training and use together, for the loss that the budget reaches compute-optimally
            [sardana2024beyond]: it is smaller, and its training takes more than the budget. Only for laws with a loss.

        Returns
        -------
        ScalingResult
            `model` is a decoder of that size. `break_even_tokens` are the tokens of use after which a target that is
            smaller than the optimum, trained on to the same loss, has taken less in all. Losses are None for laws that
            have none.

        Raises
        ------
        UnitError, InputError, InputTypeError, UnknownName
            For a wrong unit, a value that is not finite and above zero, an unknown law.
        """
        budget = _one("compute_budget", compute_budget, "flop")
        target = None if target_model_size is None else _one("target_model_size", target_model_size, "param")
        used = None if inference_tokens is None else _one("inference_tokens", inference_tokens, "token")
        if not isinstance(law, str):
            raise InputTypeError(f"law must be a name such as 'chinchilla'; got {shown(law)}")
        chosen = LAWS[law]
        if used is not None and chosen.loss is None:
            with_loss = ", ".join(repr(name) for name in LAWS.names if LAWS[name].loss)
            raise InputError(f"inference_tokens needs a law that has a loss: one of {with_loss}; got law={law!r}")
        with part("Compute-optimal"):
            optimum = chosen.optimum(budget)
            lowest = chosen.loss.at(*optimum) if chosen.loss else None
            lifetime = None if used is None else physics.lifetime_flops.plain(*optimum, used)
        frugal = optimum if used is None else chosen.loss.least_lifetime(lowest, used)
        parameters, tokens = frugal if target is None else (target, affordable(budget, target))
        ratio = physics.tokens_per_parameter.plain(tokens, parameters)
        best_ratio = physics.tokens_per_parameter.plain(frugal[1], frugal[0])
        loss = chosen.loss.at(parameters, tokens) if chosen.loss else None
        whole = None if used is None else physics.lifetime_flops.plain(parameters, tokens, used)
        return ScalingResult(
            law=chosen.name,
            compute_budget=budget,
            parameters=parameters,
            optimal_tokens=tokens,
            tokens_per_parameter=ratio,
            regime=_regime(parameters, optimum[0]),
            predicted_loss=loss,
            loss_penalty=None if loss is None else physics.loss_penalty.plain(loss, lowest),
            optimal_parameters=frugal[0],
            optimal_ratio=best_ratio,
            training_compute=training_flops.plain(parameters, tokens),
            inference_tokens=used,
            lifetime_compute=whole,
            lifetime_saved=None if whole is None else physics.extra_flops.plain(lifetime, whole),
            break_even_tokens=chosen.loss and _break_even(chosen.loss, budget, parameters, optimum[0], lowest),
            notes=_notes(chosen, budget, parameters, optimum, lowest, used),
        )


def _one(name: str, given: Any, of: str) -> float:
    plain = strip(name, given, of, exclusive=True)
    if not isinstance(plain, Real):
        raise InputTypeError(f"{name} must be one quantity in {of}, not an array; got {shown(given)}")
    return float(plain)


def _regime(parameters: float, optimal: float) -> str:
    if abs(parameters / optimal - 1) < 1e-9:
        return "compute-optimal"
    return "over-trained: fewer parameters, more tokens" if parameters < optimal else "under-trained: too few tokens"


def _break_even(law: Loss, budget: float, parameters: float, optimal: float, lowest: float) -> float | None:
    """The tokens of use after which a smaller model, trained to the loss of the optimal one, has taken less in all."""
    tokens = law.tokens_to_reach(lowest, parameters) if parameters < optimal * (1 - 1e-9) else None
    if tokens is None:
        return None
    with part("Trained on to the lowest loss"):
        law.at(parameters, tokens)
        extra = physics.extra_flops.plain(training_flops.plain(parameters, tokens), budget)
        saved = physics.extra_flops.plain(
            physics.lifetime_flops.plain(optimal, 0, 1), physics.lifetime_flops.plain(parameters, 0, 1)
        )
        return physics.break_even_tokens.plain(extra, saved)


def _notes(
    law: ScalingLaw,
    budget: float,
    parameters: float,
    optimum: tuple[float, float],
    lowest: float | None,
    used: float | None,
) -> tuple[str, ...]:
    notes = [law.note] if law.note else []
    if used is not None:
        notes.append(
            f"the budget sets the loss, {lowest:.4f} nat/token, which {pretty(optimum[0], 'param')} reach with it; the"
            " optimum is the model that reaches it with the least arithmetic in training and use together"
        )
    if law.loss and parameters < optimum[0] and law.loss.tokens_to_reach(lowest, parameters) is None:
        notes.append("a model of this size does not reach the lowest loss of the budget, however many tokens it reads")
    if not 1e18 <= budget <= 6e23:
        notes.append("the runs behind the law took 1e18 to 1e22 FLOP, the largest check 6e23: this is an extrapolation")
    return tuple(notes)
