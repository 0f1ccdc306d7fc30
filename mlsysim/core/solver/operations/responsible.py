"""What privacy costs a training run, and how many samples it takes to know how a small group is served."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

from mlsysim.core.result import Field, Result
from mlsysim.core.solver.base import Solver
from mlsysim.core.solver.fleet.inputs import Span
from mlsysim.core.solver.node.queues import share_below
from mlsysim.core.solver.operations.accountant import noise_multiplier
from mlsysim.core.solver.operations.figures import PRIVATE_TRAINING, PrivateTraining
from mlsysim.errors import InputTypeError, fraction, positive_integer, shown
from mlsysim.physics import privacy
from mlsysim.physics.elementwise import ceil, maximum
from mlsysim.physics.equation import part
from mlsysim.units import amount


class ResponsibleEngineeringResult(Result):
    """The noise and the time of private training, and the samples that a group needs."""

    noise_multiplier = Field("Noise multiplier", kind=float)
    gradient_noise = Field("Noise in each entry of the mean gradient", optional=True, kind=float)
    single_step_noise_multiplier = Field("Noise multiplier of one step without sampling", optional=True, kind=float)
    epsilon = Field("Privacy loss, epsilon", kind=float)
    delta = Field("  may fail with probability, delta", kind=float)
    sampling_rate = Field("Share of the data in a batch", kind=float)
    steps = Field("Steps", kind=int)
    dp_slowdown_factor = Field("Slower by, at most", kind=float)
    dp_slowdown_least = Field("  at least", kind=float)
    slowdown_source = Field("  by", kind=str)
    base_training_time = Span("Training without privacy", "s", "hour")
    effective_training_time = Span("  with it, at most", "s", "hour")
    effective_training_time_least = Span("  at least", "s", "hour")
    subgroup_samples = Field("Samples of the group for its own rate", "dimensionless")
    subgroup_samples_difference = Field("  for its difference from the others", "dimensionless", optional=True)
    required_samples = Field("Samples of everybody that hold so many", "dimensionless")
    additional_data_requirement = Field("  beyond those that there are", "dimensionless")
    min_subgroup_prevalence = Field("Share of the group", kind=float)
    margin = Field("Margin", kind=float)
    confidence = Field("Confidence", kind=float)
    notes = Field("Notes", kind=tuple[str, ...])


class ResponsibleEngineeringModel(Solver):
    """Wall 20: the noise of DP-SGD for a privacy budget, what it costs, and the samples that a small group needs.

    An accountant composes all steps [abadi2016dpsgd, mironov2017renyi]. The slowdown is that of computing a gradient
    for each example, as measured [beltran2024efficient]; it does not depend on the noise. A rate within a group is
    known to a margin from n = z²·r·(1 - r)/d² of its samples [cochran1977sampling].

    Examples
    --------
    >>> from mlsysim import ResponsibleEngineeringModel
    >>> solve = ResponsibleEngineeringModel().solve
    >>> result = solve(base_training_time=10, epsilon=3, delta=1e-5, min_subgroup_prevalence=0.02)
    >>> print(f"{result.noise_multiplier:.2f}, {result.effective_training_time:.0f}, {result.required_samples:,.0f}")
    1.66, 80 h, 19,208
    """

    def solve(
        self,
        base_training_time: Any,
        epsilon: float,
        delta: float,
        min_subgroup_prevalence: float,
        *,
        sampling_rate: float = 0.01,
        steps: int = 10_000,
        dataset_size: int | None = None,
        clipping_norm: float = 1.0,
        implementation: str = "opacus",
        margin: float = 0.05,
        confidence: float = 0.95,
        rate: float = 0.5,
    ) -> ResponsibleEngineeringResult:
        """Return the noise and the time of private training, and the samples that a group needs.

        Parameters
        ----------
        base_training_time
            Time of the training without privacy, in hours; a number or a quantity.
        epsilon
            Privacy loss allowed over the whole training.
        delta
            Probability with which the promise may fail, below 1; less than one over the number of examples.
        min_subgroup_prevalence
            Share of the smallest group whose rate is to be known.
        sampling_rate
            Share of the examples in a batch, each drawn by itself.
        steps
            Steps of the training. The defaults of both are those of the example of [abadi2016dpsgd], section 3.2.
        dataset_size
            Examples that there are; then the noise of the mean gradient and the examples that lack are told.
        clipping_norm
            Norm to which the gradient of each example is clipped.
        implementation
            ``"opacus"`` or ``"ghost_clipping"``: whose slowdown is taken.
        margin
            Distance from the true rate that is allowed.
        confidence
            Probability with which the rate lies within it, between 0 and 1.
        rate
            The rate that is to be known, such as an error rate; at one half most samples are needed.

        Returns
        -------
        ResponsibleEngineeringResult
            Samples are whole numbers, rounded up.

        Raises
        ------
        ImportError
            If `dp-accounting` is not installed.
        InputError, InputTypeError, UnitError, UnknownName
            For an argument of the wrong kind or an impossible value; the message names it and what is allowed.
        """
        time = amount("base_training_time", base_training_time, "s", named="hour")
        budget = amount("epsilon", epsilon, "dimensionless", named="dimensionless")
        failing = share_below("delta", delta)
        sampled, repeated = fraction("sampling_rate", sampling_rate), positive_integer("steps", steps)
        size = None if dataset_size is None else positive_integer("dataset_size", dataset_size)
        norm = amount("clipping_norm", clipping_norm, "dimensionless", named="dimensionless")
        prevalence = fraction("min_subgroup_prevalence", min_subgroup_prevalence)
        spread, sure = share_below("margin", margin), share_below("confidence", confidence)
        measured, expected = _implementation(implementation), share_below("rate", rate)
        noise = noise_multiplier(budget, failing, sampled, repeated)
        once = privacy.gaussian_noise.plain(budget, failing) if budget < 1 else None
        with part("At most"):
            longest = privacy.private_training_time.plain(measured.greatest, time)
        with part("At least"):
            shortest = privacy.private_training_time.plain(measured.least, time)
        z = NormalDist().inv_cdf((1 + sure) / 2)
        alone = privacy.proportion_samples.plain(z, expected, spread)
        compared = None
        if prevalence < 1:
            compared = privacy.difference_samples.plain(z, expected, (1 - prevalence) / prevalence, spread)
        required = ceil(privacy.population_samples.plain(alone, prevalence))
        return ResponsibleEngineeringResult(
            noise_multiplier=noise,
            gradient_noise=None if size is None else privacy.gradient_noise.plain(noise, norm, sampled * size),
            single_step_noise_multiplier=once,
            epsilon=budget,
            delta=failing,
            sampling_rate=sampled,
            steps=repeated,
            dp_slowdown_factor=measured.greatest,
            dp_slowdown_least=measured.least,
            slowdown_source=f"{measured.name} [{measured.figures['greatest'].source}]",
            base_training_time=time,
            effective_training_time=longest,
            effective_training_time_least=shortest,
            subgroup_samples=ceil(alone),
            subgroup_samples_difference=None if compared is None else ceil(compared),
            required_samples=required,
            additional_data_requirement=maximum(0.0, required - (size or 0)),
            min_subgroup_prevalence=prevalence,
            margin=spread,
            confidence=sure,
            notes=_notes(failing, size),
        )


def _implementation(name: Any) -> PrivateTraining:
    if not isinstance(name, str):
        raise InputTypeError(f"implementation must be a name such as 'opacus'; got {shown(name)}")
    return PRIVATE_TRAINING[name]


def _notes(delta: float, size: int | None) -> tuple[str, ...]:
    notes = (
        "the noise multiplier is the least that the Rényi accountant of dp-accounting allows, with Poisson sampling",
        "the slowdown is a range over the models that were measured; noise also costs accuracy, which is not modelled",
    )
    if size is not None and delta * size >= 1:
        notes += ("delta is not below one over the number of examples: publishing one example whole would pass",)
    return notes
