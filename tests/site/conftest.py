import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.site.browser import chromium, served

ROOT = Path(__file__).parents[2]


def render(project: Path, output: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m publish site` on a project."""
    command = [sys.executable, "-m", "publish", "site", str(project), "--output-dir", str(output), *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    """The whole site, rendered once."""
    output = tmp_path_factory.mktemp("site") / "_site"
    result = render(ROOT, output, "--renderer", "embedded")
    assert result.returncode == 0, result.stderr
    return output


@pytest.fixture(scope="session")
def address(site):
    with served(site) as url:
        yield url


@pytest.fixture(scope="session")
def chrome():
    with chromium() as browser:
        yield browser
