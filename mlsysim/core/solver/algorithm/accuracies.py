"""Published accuracies of compressed models, and the one that fits a question."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from mlsysim.physics.compression import accuracy_change
from mlsysim.physics.equation import unrecorded
from mlsysim.records import Count, Frozen, Record, Registry, Sourced, positive_in

Method = Literal["quantization", "pruning"]
Pattern = Literal["unstructured", "2:4", "structured"]
Accuracy = positive_in("percent")


class Setting(NamedTuple):
    """How a model is compressed, as far as its accuracy depends on it."""

    method: Method
    bits: int | None = None
    group_size: int | None = None
    activations: str | None = None
    kv: str | None = None
    pattern: Pattern | None = None
    sparsity: float | None = None

    def __str__(self) -> str:
        if self.method == "pruning":
            return f"{self.pattern} pruning of {self.sparsity:.4g} %"
        group = f" in groups of {self.group_size}" if self.group_size else ""
        other = "".join(
            f", {name} in {fmt}" for name, fmt in (("activations", self.activations), ("the KV cache", self.kv)) if fmt
        )
        return f"{self.bits}-bit weights{group}{other}"


class Outcome(Record):
    """The accuracy of one compressed form.

    Parameters
    ----------
    algorithm
        How it was made.
    bits, group_size, activations, kv
        Of quantization: bits of a weight, weights that share a scale, formats of the activations and of the KV cache.
    pattern, sparsity
        Of pruning: which weights are zero, and what share of them [per cent].
    accuracy
        What it reaches.
    """

    algorithm: str
    bits: Count | None = None
    group_size: Count | None = None
    activations: str | None = None
    kv: str | None = None
    pattern: Pattern | None = None
    sparsity: Annotated[int, Field(ge=1, le=99, strict=True)] | None = None
    accuracy: Accuracy


class Comparison(Sourced):
    """A model before and after, measured in the same way.

    Parameters
    ----------
    name
        The model, as `Models` calls it.
    method
        ``"quantization"`` or ``"pruning"``.
    metric
        What was measured.
    condition
        Which variant of the model, and what was done besides.
    original
        Accuracy before.
    results
        The compressed forms.

    Examples
    --------
    >>> print(ACCURACIES["ResNet50_int8"].source("results.w8a8.accuracy").figure.text)
    75.92 %
    """

    name: str
    method: Method
    metric: str
    condition: str | None = None
    original: Accuracy
    results: Annotated[dict[str, Outcome], Frozen]


ACCURACIES: Registry[Comparison] = Registry("comparison", Comparison.from_record, "mlsysim.core", "compression")


class Published(NamedTuple):
    """One published result: the setting in which it was measured, the change, and where it stands."""

    setting: Setting
    algorithm: str
    comparison: Comparison
    before: float
    after: float

    @property
    def change(self) -> float:
        """Change of the accuracy [percentage points]."""
        return accuracy_change.plain(self.after, self.before)

    def __str__(self) -> str:
        where = self.comparison
        details = "; ".join(text for text in (where.metric, where.condition) if text)
        return (
            f"{self.algorithm}, {self.setting}: {100 * self.before:.2f} to {100 * self.after:.2f} % ({details})"
            f" [{where.figures['original'].source}]"
        )


@cache
def published(model: str, method: Method) -> tuple[Published, ...]:
    """Return what is published of a model, in the order of the file; a model is known by its name."""
    return tuple(
        Published(
            Setting(
                method,
                made.bits,
                made.group_size,
                made.activations,
                made.kv,
                made.pattern,
                None if made.sparsity is None else float(made.sparsity),
            ),
            made.algorithm,
            comparison,
            comparison.original.m_as("dimensionless"),
            made.accuracy.m_as("dimensionless"),
        )
        for comparison in ACCURACIES
        if comparison.name == model and comparison.method == method
        for made in comparison.results.values()
    )


def nearest(model: str, setting: Setting) -> tuple[Published | None, tuple[str, ...]]:
    """Return the published result that fits a setting, and what to know of it.

    Everything must agree but the size of the groups: where no result has the same, the first with another is taken,
    and the note says so. Never that of another model.
    """
    known = published(model, setting.method)
    same = [one for one in known if one.setting == setting]
    alike = same or [one for one in known if one.setting._replace(group_size=setting.group_size) == setting]
    if not alike:
        settings = "; ".join(dict.fromkeys(str(one.setting) for one in known))
        instead = f"; on record are: {settings}" if settings else ""
        return None, (f"no accuracy of {model} with {setting} is on record{instead}",)
    first, *rest = alike
    notes = [f"accuracy: {first}"]
    if not same:
        notes.append(f"no result is on record for {setting}: the one above has other groups")
    if rest:
        with unrecorded():
            others = dict.fromkeys(f"{one.algorithm} {one.change:+.2f}" for one in rest)
        notes.append(f"other results that fit, in points: {', '.join(others)}")
    return first, tuple(notes)
