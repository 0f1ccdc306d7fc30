"""`python -m publish site`: build the site, with Quarto where it is found, else with the embedded renderer."""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from smalldocs.config import BuildError, ConfigError, load

from .render import Textbook

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m publish", description=__doc__)
    parser.add_argument("command", choices=["site"], help="render every page")
    parser.add_argument("root", type=Path, nargs="?", default=Path.cwd(), help="folder of _quarto.yml")
    parser.add_argument("--output-dir", type=Path, default=Path("_site"))
    parser.add_argument("--profile", choices=["student", "instructor"], default="student")
    parser.add_argument("--renderer", choices=["auto", "quarto", "embedded"], default="auto")
    options = parser.parse_args()
    scripts = Path(sys.executable).parent  # where `quarto-cli` installs Quarto
    os.environ |= {"QUARTO_PROFILE": options.profile, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    if options.renderer == "quarto" or (options.renderer == "auto" and shutil.which("quarto")):
        os.environ.setdefault("QUARTO_PYTHON", sys.executable)
        sys.exit(subprocess.call(["quarto", "render", options.root, "--output-dir", options.output_dir.resolve()]))
    try:
        project = load(options.root)
        project.project["output-dir"] = str(options.output_dir.resolve())
        Textbook(project).build()
    except (BuildError, ConfigError) as error:
        sys.exit(f"\n{error}")
