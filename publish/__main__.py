"""`python -m publish site`: build the site."""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from smalldocs.config import BuildError, ConfigError

from . import render


def site(root: Path, output: Path, profile: str, renderer: str) -> None:
    """Build the site in `root` into `output`, with Quarto where it is on PATH or installed as `quarto-cli`."""
    scripts = Path(sys.executable).parent
    os.environ |= {"QUARTO_PROFILE": profile, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    if renderer == "quarto" or (renderer == "auto" and shutil.which("quarto")):
        os.environ.setdefault("QUARTO_PYTHON", sys.executable)
        sys.exit(subprocess.call(["quarto", "render", str(root), "--output-dir", str(output)]))
    try:
        render.build(root, output)
    except (BuildError, ConfigError) as error:
        sys.exit(f"\n{error}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m publish", description=__doc__)
    command = parser.add_subparsers(required=True).add_parser("site", help="render every page")
    command.add_argument("root", type=Path, nargs="?", default=Path.cwd(), help="folder of _quarto.yml")
    command.add_argument("--output-dir", type=Path, default=Path("_site"))
    command.add_argument("--profile", choices=["student", "instructor"], default="student")
    command.add_argument("--renderer", choices=["auto", "quarto", "embedded"], default="auto")
    options = parser.parse_args()
    site(options.root.resolve(), options.output_dir.resolve(), options.profile, options.renderer)
