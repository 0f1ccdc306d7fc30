"""Make, print and write or check the bands of `mlsysim/core/data/bands.json`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import mlsysim
from mlsysim.core.bands import COVERAGE
from mlsysim.tables import text_table
from mlsysim.validation.adapters import CALIBRATION
from mlsysim.validation.bands import TEXTBOOK, coverage, document, residuals, rows

FILE = Path(mlsysim.__file__).parent / "core" / "data" / "bands.json"


def main() -> None:
    """Make the bands, print them, and write or check the file."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.bands", description=__doc__)
    arguments.add_argument("--check", action="store_true", help="write nothing; exit with 1 if the file is another")
    check = arguments.parse_args().check
    main_figures = [row for row in rows() if row["figure"] in ("time", "value")]
    names = ("domain", "figure", "level", "regime", "low", "high", "records", "sources")
    print(
        text_table([name.capitalize() for name in names], [[str(row[name]) for name in names] for row in main_figures])
    )
    for level in (*CALIBRATION.values(), TEXTBOOK):
        held = coverage(residuals(), level)
        within, of = (sum(pair[at] for pair in held.values()) for at in (0, 1))
        by = ", ".join(f"{domain} {hits}/{number}" for domain, (hits, number) in held.items())
        print(
            f"{level}: {within / of:.1%} of {of} lie in the band made without their source, meant {COVERAGE:.0%} ({by})"
        )
    if check:
        same = FILE.read_text("utf-8") == document()
        print(f"{FILE.name} is what the published results give" if same else f"{FILE.name} is another")
        sys.exit(not same)
    FILE.write_text(document(), "utf-8")
    print(f"written: {FILE}")


if __name__ == "__main__":
    main()
