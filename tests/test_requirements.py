"""What `make site` installs: everything that a page may import, each at one version."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
NAME = re.compile(r"[A-Za-z0-9_-]+")


def needed(extra: str) -> set[str]:
    """The packages of an extra, and of those that it takes in."""
    found: set[str] = set()
    for line in PROJECT["optional-dependencies"][extra]:
        if line.startswith("mlsysim["):
            found |= {name for inner in line[len("mlsysim[") : -1].split(",") for name in needed(inner)}
        else:
            found.add(NAME.match(line)[0].lower())
    return found


def pinned() -> set[str]:
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    return {line.partition("==")[0].lower() for line in lines if "==" in line}


def test_what_the_site_needs_is_pinned():
    assert needed("site") - pinned() == set()


def test_what_the_package_needs_is_pinned():
    assert {NAME.match(line)[0].lower() for line in PROJECT["dependencies"]} - pinned() == set()
