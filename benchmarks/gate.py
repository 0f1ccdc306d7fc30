"""Renew or check what the gate holds: the errors of each domain at the fitted level, and some predictions to the digit.

A change that makes a domain worse, answers fewer records or moves a pinned prediction fails a test. Where that is
meant, run this and commit the file: it says what changed.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from functools import cache
from pathlib import Path
from typing import Any

from mlsysim.validation.report import Report
from mlsysim.validation.runner import validate

FILE = Path(__file__).parent.parent / "tests" / "validation" / "gate.json"

POINTS, PART = 1.0, 0.1
"""How much worse the median error of a domain may become: a percentage point, or a tenth of itself if that is more."""

PINNED, DIGITS = 3, 1e-6
"""Predictions of a domain that are pinned, and the part by which they may move: what the last digits of sums do."""


@cache
def report() -> Report:
    """Return the published results at the fitted level."""
    return validate(level="fitted")


def made(kept: dict[str, dict[str, float]] | None = None) -> dict[str, Any]:
    """Return what the gate is to hold; predictions that are pinned already stay so while they are answered."""
    domains = {
        name: {"answered": errors.answered, "median_abs_error_pct": errors.median_abs_error_pct}
        for name, errors in report().errors("domain").items()
    }
    answers = predictions()
    pinned: dict[str, dict[str, float]] = {}
    for name in domains:
        mine = [key for key, (domain, _) in answers.items() if domain == name]
        chosen = [key for key in (kept or {}).get(name, {}) if key in mine]
        for place in range(PINNED):
            chosen += [key for key in mine[place * len(mine) // PINNED :][:1] if key not in chosen]
        pinned[name] = {key: answers[key][1] for key in chosen[:PINNED]}
    return {"domains": domains, "predictions": pinned}


def predictions() -> dict[str, tuple[str, float]]:
    """Return the domain and the value of each headline that is predicted, by record and metric."""
    judged = (one for one in report().comparisons if one.headline)
    return {f"{one.record.id}: {one.metric}": (one.record.domain, one.predicted) for one in judged}


def failures(stored: dict[str, Any], now: dict[str, Any], answers: dict[str, tuple[str, float]]) -> list[str]:
    """Return what the gate does not let through: worse medians, fewer answers, pinned predictions that moved."""
    found = []
    for name, old in stored["domains"].items():
        new = now["domains"].get(name, {"answered": 0, "median_abs_error_pct": None})
        if new["answered"] < old["answered"]:
            found.append(f"{name}: {new['answered']} records are answered, {old['answered']} were")
        before, after = old["median_abs_error_pct"], new["median_abs_error_pct"]
        if after is not None and after > before + max(POINTS, PART * before):
            found.append(f"{name}: the median error is {after:.2f} %, it was {before:.2f} %")
    for pins in stored["predictions"].values():
        for key, before in pins.items():
            after = answers.get(key, ("", None))[1]
            if after is None or not math.isclose(before, after, rel_tol=DIGITS):
                found.append(f"{key} is {'not answered' if after is None else after}, it was {before}")
    return found


def changes(stored: dict[str, Any], now: dict[str, Any], answers: dict[str, tuple[str, float]]) -> list[str]:
    """Return every difference, for better or worse."""
    found = []
    for name, new in now["domains"].items():
        old = stored["domains"].get(name)
        if old != new:
            found.append(f"{name}: {_said(old)} -> {_said(new)}")
    return found + [line for line in failures(stored, now, answers) if " is " in line and ": the median" not in line]


def _said(errors: dict[str, Any] | None) -> str:
    if errors is None:
        return "not held"
    return f"{errors['answered']} answered, median {errors['median_abs_error_pct']:.2f} %"


def read() -> dict[str, Any]:
    """Return what the gate holds."""
    return json.loads(FILE.read_text("utf-8"))


def main() -> None:
    """Print what changed, and write or check the file."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.gate", description=__doc__)
    arguments.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 if the gate would not let it through"
    )
    check = arguments.parse_args().check
    stored = read() if FILE.exists() else {"domains": {}, "predictions": {}}
    now, answers = made(stored["predictions"]), predictions()
    if check:
        found = failures(stored, now, answers)
        print("\n".join(found) or "nothing is worse than what the gate holds")
        sys.exit(bool(found))
    print("\n".join(changes(stored, now, answers)) or "nothing changed")
    FILE.write_text(json.dumps(now, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(f"written: {FILE}")


if __name__ == "__main__":
    main()
