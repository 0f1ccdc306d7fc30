"""From what a published result states to a question of ours: one module for each domain.

Each has ``predict(record, level)``, which returns for each metric of ``record.measured`` the quantity that we predict,
or the sentence that says why we do not. It uses what the record states, what the package's own records of that model
and device state, and which options the software that it names is documented to use; a solver's refusal is a reason too.
A record's figures that are one result in several words (step time, MFU, tokens a second) count once: ``HEADLINE`` lists
the metrics of a domain that its error is taken from, in the order of preference; without it, every metric counts.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from mlsysim.validation.records import Measurement

CALIBRATION = {"speed of light": "none", "datasheet": "datasheet", "fitted": "fitted"}
"""What kernels are taken to reach, at each level: the calibration of the operator fidelity."""

LEVELS = tuple(CALIBRATION)


def _module(domain: str) -> Any:
    return import_module(f"{__name__}.{domain.replace('-', '_')}")


def predict(record: Measurement, level: str) -> dict[str, Any]:
    """Return what we predict for each metric of a record, or why we do not."""
    return _module(record.domain).predict(record, level)


def headline(domain: str) -> tuple[str, ...] | None:
    """Return the metrics that the error of a domain is taken from, the preferred one first; None where all count."""
    return getattr(_module(domain), "HEADLINE", None)
