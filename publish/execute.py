"""Run the cells of a page in one kernel and put their outputs into its Markdown."""

import hashlib
import re
import sys
from functools import cache
from html import escape
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import nbformat
import yaml
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from rich.text import Text
from smalldocs.config import BuildError
from smalldocs.site import Page

CODE = re.compile(  # a fenced block, which is a cell when its info is `{python}`, or an inline expression
    r"^(?P<fence>`{3,}|~{3,})(?P<info>.*)\n(?P<code>(?:.*\n)*?)(?P=fence)[ \t]*$|`\{python\} (?P<inline>[^`\n]+)`", re.M
)


@cache
def environment(root: Path) -> str:
    """Digest of what a result depends on besides its page: our package, the bibliography, Python and the libraries."""
    digest = hashlib.sha256(repr([sys.version, sorted((d.name, d.version) for d in metadata.distributions())]).encode())
    files = [*Path(find_spec("mlsysim").origin).parent.rglob("*"), *root.glob("*.bib")]
    digest.update(b"".join(f.read_bytes() for f in sorted(files) if f.is_file() and f.suffix != ".pyc"))
    return digest.hexdigest()


def is_cell(match: re.Match) -> bool:
    return bool(match["inline"]) or match["info"].strip() == "{python}"


def read_cells(body: str) -> list:
    """Cells and inline expressions of a page; `metadata` holds their options, their line and the code to show."""
    cells = []
    for match in filter(is_cell, CODE.finditer(body)):
        lines = (match["inline"] or match["code"]).splitlines()
        head = [line[2:].removeprefix(" ") for line in lines if line.startswith("#|")]
        options, code = yaml.safe_load("\n".join(head)) or {}, "\n".join(lines[len(head) :]).strip("\n")
        about = {"options": options, "code": code, "line": body.count("\n", 0, match.start()) + 1}
        about["tags"] = ["raises-exception"] if options.get("error") else []
        cells.append(nbformat.v4.new_code_cell(code if options.get("eval", True) else "", metadata=about))
    return cells


def run(notebook, page: Page, folder: Path, figure_size: tuple[float, float]) -> None:
    """Execute a notebook in place, in a kernel whose working directory is `folder`."""
    kernel = ["--IPKernelApp.log_level=40", "--InlineBackend.figure_formats=svg"]
    kernel.append(f"--IPKernelApp.exec_lines=import matplotlib; matplotlib.rcParams['figure.figsize'] = {figure_size}")
    try:
        where = {"metadata": {"path": str(folder)}}
        NotebookClient(notebook, timeout=None, extra_arguments=kernel, resources=where).execute()
    except CellExecutionError as error:
        cell = next(cell for cell in reversed(notebook.cells) if cell.outputs)
        where = f"{page.src}:{cell.metadata.line}: cell {cell.metadata.options.get('label', '')}".rstrip()
        raise BuildError(f"{where} failed\n{Text.from_ansi(error.traceback).plain}") from None


def execute(page: Page, root: Path) -> str:
    """Markdown of a page with the outputs of its cells; figures are written beside the page.

    Outputs are kept under a key made of the cells' code and options, and of `environment`.
    """
    cells, folder = read_cells(page.body), (root / page.src).parent
    if not cells:
        return page.body
    notebook = nbformat.v4.new_notebook(cells=cells)
    size = (page.meta.get("fig-width", 7), page.meta.get("fig-height", 5))
    key = repr([environment(root), size, *((cell.source, cell.metadata.options) for cell in cells)])
    stored = root / ".cache" / "cells" / f"{hashlib.sha256(key.encode()).hexdigest()}.ipynb"
    if stored.exists():
        for cell, old in zip(cells, nbformat.read(stored, 4).cells, strict=True):
            cell.outputs = old.outputs
    else:
        run(notebook, page, folder, size)
        stored.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, stored)
    done = iter(cells)

    def replace(match: re.Match) -> str:
        if not is_cell(match):
            return match[0]
        return inline(next(done)) if match["inline"] else block(next(done), page, folder)

    return CODE.sub(replace, page.body)


def inline(cell) -> str:
    """Value of an inline expression: Markdown as it is, anything else as literal text."""
    data = cell.outputs[0].data
    text = data.get("text/plain", "")
    text = text[1:-1] if re.fullmatch(r"""(['"]).*\1""", text, re.S) else text
    return data.get("text/markdown") or re.sub(r"([!-/:-@[-`{-~])", r"\\\1", text)


def block(cell, page: Page, folder: Path) -> str:
    """Quarto's divs for a cell: its code, then its outputs, in a float when it has a label for one."""
    options = {"code-fold": False, "code-summary": "Code", **page.meta, **(page.meta.get("execute") or {})}
    options |= cell.metadata.options
    label, parts, outputs = options.get("label", f"line-{cell.metadata.line}"), [], []
    if not options.get("include", True):
        return ""
    if options.get("echo", True):
        fold = f'code-fold="{str(options["code-fold"]).lower()}" code-summary="{options["code-summary"]}"'
        parts.append(f"````` {{.python .cell-code {fold}}}\n{cell.metadata.code}\n`````")
    modes = iter(options.get("renderings", []))
    for index, output in enumerate(cell.outputs if options.get("output", True) else [], 1):
        text = show(output, options, folder / f"{page.src.stem}_files" / "figure-html" / f"{label}-{index}.svg")
        mode = f" .{next(modes)}-content" if output.output_type == "display_data" and "renderings" in options else ""
        outputs.append(text if options.get("output") == "asis" else f"::: {{.cell-output-display{mode}}}\n{text}\n:::")
    if label.startswith(("fig-", "tbl-")):
        caption = options.get("fig-cap") or options.get("tbl-cap") or ""
        outputs = [f":::: {{#{label}}}", *outputs, str(caption), "::::"]
    return "\n\n".join(["::::: {.cell}", *parts, *outputs, ":::::"])


def show(output, options: dict, figure: Path) -> str:
    """One output as Markdown; a picture is written to `figure`."""
    if output.output_type in ("stream", "error"):
        text = output.text if output.output_type == "stream" else f"{output.ename}: {output.evalue}"
        return text if options.get("output") == "asis" else verbatim(text)
    if "text/html" in output.data:
        return f"`````{{=html}}\n{output.data['text/html']}\n`````"
    if "image/svg+xml" in output.data:
        figure.parent.mkdir(parents=True, exist_ok=True)
        figure.write_text(output.data["image/svg+xml"], encoding="utf-8")
        alt = str(options.get("fig-alt", "")).strip().replace('"', "'")
        return f'![]({"/".join(figure.parts[-3:])}){{fig-alt="{alt}"}}'
    return output.data.get("text/markdown") or verbatim(output.data["text/plain"])


def verbatim(text: str) -> str:
    return f"`````{{=html}}\n<pre><code>{escape(Text.from_ansi(text).plain.rstrip())}</code></pre>\n`````"
