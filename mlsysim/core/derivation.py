"""A derivation: the equations that gave a result, with the numbers put in."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mlsysim.physics.equation import Step
from mlsysim.references import reference
from mlsysim.tables import html_table, markdown_table
from mlsysim.units import pretty

_SPELLED = {"flops": "FLOPs", "kv": "KV"}
_HEADERS = ["Quantity", "Equation", "With the numbers put in", "Source"]


class Derivation:
    """The steps of a computation, in order; prints as text, shows as a table in a notebook."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = tuple(steps)

    def rows(self) -> list[tuple[str, str, str, str]]:
        """What was computed, its equation, the same with numbers, and the key of the source."""
        return [
            (_title(step), step.equation.formula, f"{_substituted(step)} = {_value(step)}", step.equation.source)
            for step in self.steps
        ]

    def to_markdown(self) -> str:
        """Return the steps as a Markdown table whose sources are citations."""
        return markdown_table(_HEADERS, [(*row[:3], f"[@{row[3]}]") for row in self.rows()])

    def _sources(self) -> list[str]:
        keys = dict.fromkeys(step.equation.source for step in self.steps)
        return [f"[{key}] {reference(key)}" for key in keys]

    def __str__(self) -> str:
        lines = []
        for title, formula, substituted, source in self.rows():
            lines += [f"{title}  [{source}]", f"    {formula}", f"    {' ' * formula.index('=')}= {substituted}"]
        return "\n".join([*lines, "", "Sources", *self._sources()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(_HEADERS, [(*row[:3], reference(row[3]).short) for row in self.rows()])


def _title(step: Step) -> str:
    words = [_SPELLED.get(word, word) for word in step.equation.__name__.split("_")]
    title = " ".join([words[0][0].upper() + words[0][1:], *words[1:]])
    return f"{step.part}: {title}" if step.part else title


def _value(step: Step) -> str:
    return pretty(step.value, step.equation.result[1])


def _substituted(step: Step) -> str:
    numbers = {s.symbol: pretty(step.inputs[name], s.unit) for name, s in step.equation.symbols.items()}
    symbols = "|".join(re.escape(symbol) for symbol in sorted(numbers, key=len, reverse=True))
    expression = step.equation.formula.partition(" = ")[2]
    return re.sub(rf"(?<!\w)({symbols})(?![\w*])", lambda match: numbers[match[1]], expression)
