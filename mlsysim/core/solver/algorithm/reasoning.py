"""What an answer costs when the model thinks first: chains of tokens, one after another or side by side."""

from __future__ import annotations

from typing import Any

from mlsysim.core.result import Field, Result
from mlsysim.core.solver.base import Solver, check_hardware, check_model
from mlsysim.core.solver.capacity import Account, what_fits
from mlsysim.core.solver.node.machine import Machine, time_of
from mlsysim.errors import InputError, InputTypeError, fraction, positive_integer, shown, unknown
from mlsysim.hardware.types import HardwareNode
from mlsysim.models.transformer import TransformerWorkload
from mlsysim.models.types import Demand, Workload
from mlsysim.physics import reasoning as physics
from mlsysim.physics.energy import energy_bound
from mlsysim.physics.equation import part, unrecorded
from mlsysim.physics.precision import element_size
from mlsysim.units import amount

MODES = ("parallel", "sequential")


class InferenceScalingResult(Result):
    """What answers that are thought over take on one device."""

    model = Field("Model", kind=str)
    hardware = Field("Device", kind=str)
    mode = Field("Samples follow one another, or run side by side", kind=str)
    samples = Field("Samples for each answer", kind=int)
    tokens_generated = Field("Tokens for each answer", "token")
    total_reasoning_time = Field("Time until the answer", "s")
    ttft = Field("  to the first token", "s", "ms")
    time_per_step = Field("  for each step of the chain", "s", "ms")
    itl_first = Field("Decode step at the beginning", "s", "ms")
    itl_mean = Field("  in the mean", "s", "ms")
    itl_last = Field("  at the end", "s", "ms")
    decode_bottleneck = Field("Last step limited by", kind=str)
    device_time_per_query = Field("Device time for each answer", "s")
    energy_per_query = Field("Energy for each answer, at most", "J", kind=float | None)
    cost_per_query = Field("Price of an answer", "dollar", optional=True)
    pass_at_k = Field("Chance that a sample is right", optional=True, kind=float)
    feasible = Field("Fits in memory", kind=bool)
    total_memory_required = Field("Memory needed at the end", "byte", "GB")
    weights_size = Field("  weights", "byte", "GB")
    kv_cache_size = Field("  KV cache", "byte", "GB")
    activations_size = Field("  activations", "byte", "GB")
    memory_capacity = Field("Memory of the device", "byte", "GB")
    batch_size = Field("Questions at once", kind=int)
    context_length = Field("Tokens of the prompt", kind=int)
    chain_tokens = Field("Tokens of the longest chain", kind=int)
    precision = Field("Precision", kind=str)
    compute_precision = Field("  computed in", kind=str)
    efficiency = Field("Efficiency of the arithmetic", kind=float)
    efficiency_source = Field("  from", kind=str)
    notes = Field("Notes", kind=tuple[str, ...])
    would_fit = Field("What would fit", kind=tuple[str, ...])


class InferenceScalingModel(Solver):
    """Wall 12: every token of thought is a pass through the whole model, over a KV cache that has grown by one token.

    The prompt is read once; then each decode step is timed at its own context [pope2023efficiently]. Samples run side
    by side as one batch, best of N, or follow one another in one ever longer chain of revisions [snell2024testtime].

    Examples
    --------
    >>> from mlsysim import Hardware, InferenceScalingModel, Models
    >>> result = InferenceScalingModel().solve(Models.Llama3_8B, Hardware.H100, reasoning_steps=16)
    >>> print(f"{result.tokens_generated:.0f}", result.itl_last > result.itl_first)
    2048 token True
    """

    def solve(
        self,
        model: Workload,
        hardware: HardwareNode,
        reasoning_steps: int = 8,
        context_length: int = 2048,
        batch_size: int = 1,
        precision: str = "fp16",
        efficiency: float | None = None,
        *,
        tokens_per_step: int = 128,
        samples: int = 1,
        mode: str = "parallel",
        kv_precision: str | None = None,
        price: Any = None,
        success_rate: float | None = None,
    ) -> InferenceScalingResult:
        """Return the time, the energy and the price of an answer, and the memory that its chains take.

        Parameters
        ----------
        model
            A decoder: an entry of `Models.Language`, or one of your own.
        hardware
            An entry of `Hardware`, or a device of your own.
        reasoning_steps, tokens_per_step
            Steps of a chain of thought, the answer included, and tokens of each; their product is what counts.
        context_length
            Tokens of the prompt.
        batch_size
            Questions that are answered together.
        precision, efficiency, kv_precision
            As in `SingleNodeModel.solve`.
        samples
            Chains for each question.
        mode
            ``"parallel"``: the chains of a question run side by side, each with a KV cache of its own;
            ``"sequential"``: each continues the one before, in one chain that is `samples` times as long.
        price
            Price of the device for a unit of time [USD/s], such as ``Q_(2, "dollar/hour")``.
        success_rate
            Chance that one chain gives the right answer, in (0, 1], as you measured it; only for parallel samples.

        Returns
        -------
        InferenceScalingResult
            Also if the chains do not fit: then `feasible` is False and `would_fit` says what would.

        Raises
        ------
        UnitError, InputError, InputTypeError, UnknownName
            For an argument of the wrong kind or an impossible value; the message names it and what is allowed.
        """
        check_model(model), check_hardware(hardware)
        if "prefill" not in model.phases:
            raise InputError(
                f"model must be a decoder, with prefill and decode; {model.name} has only: {', '.join(model.phases)}"
            )
        machine = Machine.of(hardware, precision, efficiency)
        steps = positive_integer("reasoning_steps", reasoning_steps)
        chain = steps * positive_integer("tokens_per_step", tokens_per_step)
        prompt, batch = positive_integer("context_length", context_length), positive_integer("batch_size", batch_size)
        wanted, parallel = positive_integer("samples", samples), _mode(mode) == "parallel"
        answers, longest = (batch * wanted, chain) if parallel else (batch, chain * wanted)
        _check_length(model, prompt, longest)
        rate = None if success_rate is None else fraction("success_rate", success_rate)
        if rate is not None and not parallel:
            raise InputError(
                "success_rate needs mode='parallel': samples that build on one another are not independent"
            )
        price_per_second = None if price is None else amount("price", price, "dollar/s", zero=True)

        def demand(sequences: int, phase: str, context: int, element: str = precision) -> Demand:
            return model.demand(sequences, element, phase, context, kv_precision)

        with part("Prompt"):
            first = time_of(demand(batch, "prefill", prompt), machine).total
        with part("First decode step"):
            earliest = time_of(demand(answers, "decode", prompt + 1), machine)
        with part("Last decode step"):
            last_demand = demand(answers, "decode", prompt + max(longest - 1, 1))
            last = time_of(last_demand, machine)
        mean = decode_time(model, machine, answers, prompt + 1, prompt + max(longest - 1, 1), precision, kv_precision)

        def account_at(sequences: int, element: str) -> Account:
            held = demand(sequences, "decode", prompt + max(longest - 1, 1), element)
            return Account.of(hardware.plain, held.weights, held.kv_cache, held.live)

        total = physics.chain_time.plain(first, longest, mean)
        each = physics.time_per_answer.plain(total, batch)
        account = Account.of(hardware.plain, last_demand.weights, last_demand.kv_cache, last_demand.live)
        tdp = hardware.plain.tdp
        return InferenceScalingResult(
            model=model.name,
            mode=mode,
            samples=wanted,
            tokens_generated=chain * wanted,
            total_reasoning_time=total,
            ttft=first,
            time_per_step=total / (steps if parallel else steps * wanted),
            itl_first=earliest.total,
            itl_mean=mean,
            itl_last=last.total,
            decode_bottleneck=last.bottleneck,
            device_time_per_query=each,
            energy_per_query=energy_bound.plain(tdp, each) if tdp else None,
            cost_per_query=None if price_per_second is None else physics.cost_per_answer.plain(price_per_second, each),
            pass_at_k=None if rate is None else physics.pass_at_k.plain(rate, wanted),
            total_memory_required=account.total,
            **account.fields(),
            batch_size=batch,
            context_length=prompt,
            chain_tokens=longest,
            precision=precision,
            **machine.fields(),
            notes=_notes(model, machine, precision, parallel and wanted > 1, rate is not None, account.fits),
            would_fit=() if account.fits else what_fits(account_at, hardware.plain, answers, precision),
        )


def decode_time(
    model: Workload,
    machine: Machine,
    batch: int,
    first: int,
    last: int,
    precision: str,
    kv_precision: str | None,
) -> float:
    """Return the mean time of the decode steps whose contexts run from `first` to `last` tokens.

    Each step is timed at its own context; the steps between the first and the last are no part of the derivation.
    """
    with unrecorded():
        if not isinstance(model, TransformerWorkload):
            return time_of(model.demand(batch, precision, "decode", last, kv_precision), machine).total
        import numpy as np

        sizes = element_size(precision), element_size(kv_precision or precision)
        demand = model._demand(batch, "decode", np.arange(first, last + 1, dtype=float), *sizes)
        return float(np.mean(time_of(demand, machine).total))


def _mode(given: Any) -> str:
    if not isinstance(given, str):
        raise InputTypeError(f"mode must be a name such as 'parallel'; got {shown(given)}")
    if given not in MODES:
        raise unknown("mode", given, MODES)
    return given


def _check_length(model: Workload, prompt: int, longest: int) -> None:
    most = getattr(model, "max_context", None)
    if most is not None and prompt + longest > most:
        raise InputError(
            f"context_length and the tokens of a chain must be at most {most} together, the context of {model.name};"
            f" got {prompt} + {longest}"
        )


def _notes(
    model: Workload, machine: Machine, precision: str, several: bool, judged: bool, fits: bool
) -> tuple[str, ...]:
    device, computed = machine.hardware.name, machine.compute_precision
    notes = {
        f"{device} has no {precision} arithmetic: {computed} computes, {precision} moves": computed != precision,
        "no efficiency was measured on this device: that of data-centre GPUs stands in": not machine.measured,
        "the prompt is read once for all samples of a question; each sample keeps a cache of its own": several,
        "an answer counts as right if any sample is: picking it takes a verifier, which is not timed": judged,
        f"the power of {device} is not recorded: the energy is not known": machine.hardware.plain.tdp is None,
        model.note: bool(model.note),
        "does not fit: times are those of the device if it had the memory": not fits,
    }
    return tuple(note for note, holds in notes.items() if holds)
