"""Pre-render step of `_quarto.yml`: writes the API pages, and the script of the sortable tables."""

import logging
import re
import shutil
from importlib import resources
from pathlib import Path

from quartodoc import Builder

MEMBER = re.compile(r"\[([^]]+)\]\(#([\w.]+)\)")
SOURCE = re.compile(r"\[([a-z]+\d{4}\w*)\](?!\()")


def tidy(text: str) -> str:
    """A generated page in which a docstring's sources are citations and an attribute's row is its own anchor."""
    rows = MEMBER.sub(lambda row: row[0] if f"{{ #{row[2]} }}" in text else f"[{row[1]}]{{#{row[2]}}}", text)
    return SOURCE.sub(r"[@\1]", rows)


if __name__ == "__main__":
    ignore = shutil.ignore_patterns("*.html")
    shutil.copytree(resources.files("itables") / "html", "assets/vendor", ignore=ignore, dirs_exist_ok=True)
    logging.getLogger("griffe").setLevel(logging.ERROR)
    builder = Builder.from_quarto_config("_quarto.yml")
    builder.out_inventory = f"{builder.dir}/objects.json"
    builder.build()
    for page in Path(builder.dir).glob("[!_]*.qmd"):
        page.write_text(tidy(page.read_text(encoding="utf-8")), encoding="utf-8")
