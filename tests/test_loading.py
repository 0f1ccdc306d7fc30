"""What of the package is read, and when."""

import subprocess
import sys
from pathlib import Path

import mlsysim

ROOT = Path(__file__).parents[1]
AUDIT = """
import sys
opened = []


def note(event, args):
    if event == "open" and str(args[0]).endswith((".yaml", ".bib")) and str(args[0]).startswith({ours!r}):
        opened.append(str(args[0]))


sys.addaudithook(note)
import mlsysim
{code}
print("\\n".join(opened))
"""


def files_read(code: str) -> list[str]:
    script = AUDIT.format(code=code, ours=(str(Path(mlsysim.__file__).parent), str(ROOT / "references.bib")))
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return [line.rsplit("/", 1)[-1] for line in done.stdout.split()]


def test_importing_the_package_reads_no_records():
    assert files_read("") == []


def test_touching_one_device_reads_one_file():
    assert files_read("mlsysim.Hardware.Tiny.nRF52840") == ["tiny.yaml"]
    assert files_read("mlsysim.Hardware.Cloud.H100; mlsysim.Hardware.Cloud.T4") == ["cloud.yaml"]


def test_touching_one_model_reads_one_file():
    assert files_read("mlsysim.Models.Vision.ResNet50") == ["vision.yaml"]
