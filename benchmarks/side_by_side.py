"""Measure mlsysim beside the public release 0.1.1: import, first answer, one solve.

Both run in fresh interpreters on this machine, in turn, and the best of several runs counts. The release is installed
from PyPI into an environment of its own.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from rich.progress import track

from mlsysim.tables import text_table

ROUNDS = 9
IMPORT = "import time; start = time.perf_counter(); import mlsysim; print(time.perf_counter() - start)"
FIRST = """
import time; start = time.perf_counter()
import mlsysim
mlsysim.Engine.solve(mlsysim.Models.ResNet50, mlsysim.Hardware.Cloud.A100)
print(time.perf_counter() - start)
"""
SOLVE = """
import mlsysim, timeit
model, device, solve = mlsysim.{model}, mlsysim.Hardware.Cloud.{device}, mlsysim.Engine.solve
solve(model, device)
print(min(timeit.repeat(lambda: solve(model, device), number=200, repeat=5)) / 200)
"""
QUESTIONS = {
    "import mlsysim": IMPORT,
    "import, then one answer": FIRST,
    "solve ResNet-50 on A100": SOLVE.format(model="Models.ResNet50", device="A100"),
    "solve Llama-3 8B on H100": SOLVE.format(model="Models.Language.Llama3_8B", device="H100"),
}


def seconds(python: str, code: str) -> float:
    """Return what a snippet prints when a fresh interpreter runs it."""
    return float(subprocess.run([python, "-c", code], check=True, capture_output=True, text=True, cwd="/").stdout)


RECORDS = """
import time; start = time.perf_counter()
import mlsysim
count = sum(len(list(catalog)) for catalog in (mlsysim.Hardware, mlsysim.Models, mlsysim.Systems, mlsysim.Infra))
print(time.perf_counter() - start)
"""


def main() -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        theirs = str(Path(folder, "bin", "python"))
        subprocess.run([theirs, "-m", "pip", "install", "--quiet", "mlsysim==0.1.1"], check=True)
        rows = []
        for name, code in track(QUESTIONS.items(), "Measuring"):
            pairs = [(seconds(sys.executable, code), seconds(theirs, code)) for _ in range(ROUNDS)]
            ours, other = (min(times) for times in zip(*pairs, strict=True))
            rows.append([name, f"{1e3 * ours:.3f} ms", f"{1e3 * other:.3f} ms", f"{other / ours:.1f} x"])
    records = min(seconds(sys.executable, RECORDS) for _ in range(ROUNDS))
    print(f"import, then all records of all registries: {records:.2f} s\n")
    print(text_table(["What", "This package", "Release 0.1.1", "Ratio"], rows, "<>>>"))


if __name__ == "__main__":
    main()
