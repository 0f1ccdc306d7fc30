"""The embedded renderer: pandoc resolves each page's references, smalldocs makes the site from `_quarto.yml`."""

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import pypandoc
from rich.progress import track
from smalldocs.config import BuildError, load
from smalldocs.site import Page, Site

from .execute import execute

FILTER = Path(__file__).with_name("crossref.lua")
MARKDOWN = "markdown-tex_math_dollars-smart-citations-raw_html"  # what is left for smalldocs to read
INLINE_HTML = re.compile(r"`(<[^`]*>)`\{=html\}")
EQUATION = re.compile(r"(\$\$(?:(?!\$\$).)+\$\$)\s*\{#(eq-[\w-]+)\}", re.S)
PAGE_LINK = re.compile(r'(?<=href=")[^":]+\.qmd[^"]*')
TABLE = re.compile(r"<table.*?</table>", re.S)


def build(root: Path, output: Path) -> None:
    """Render the project in `root` into `output`; raises `BuildError` on a failing cell or an unknown reference."""
    project = load(root)
    project.project["output-dir"] = str(output)
    about_config = len(project.warnings)
    site = Textbook(project)
    site.build()
    for warning in site.warnings[about_config:]:
        site.say(f"warning: {warning}")


class Textbook(Site):
    """A smalldocs site whose pages are executed and passed through pandoc, side by side, at first."""

    def build(self) -> int:
        self.run_scripts("pre-render", self.discover())
        self.project.project.pop("pre-render", None)
        sources = self.discover()
        with ThreadPoolExecutor() as pool:
            pages = track(pool.map(self.prepare, sources), "Rendering pages", len(sources))
            self.prepared = dict(zip(sources, pages, strict=True))
        return super().build()

    def read(self, src: PurePosixPath) -> Page:
        return self.prepared[src]

    def prepare(self, source: PurePosixPath) -> Page:
        page = super().read(source)
        page.body = resolve_references(page, execute(page, self.root), self.root)
        page.meta["from"] = MARKDOWN
        return page

    def render_page(self, page: Page) -> None:
        """Render a page; links to pages work and search finds words in its tables and other HTML too."""
        super().render_page(page)
        page.html = PAGE_LINK.sub(lambda link: self.resolve(link[0], page), page.html)
        tables = {"id": "", "title": page.title, "text": " ".join(TABLE.findall(page.html))}
        page.env["search"] += [tables] if tables["text"] else []


def resolve_references(page: Page, body: str, root: Path) -> str:
    """Page body in plainer Markdown: citations, cross-references, maths, tables and profiles resolved."""
    options = {"link-citations": True, "number-sections": page.meta.get("number-sections")}
    if "bibliography" in page.meta:
        options["bibliography"] = root / page.meta["bibliography"]
    command = [pypandoc.get_pandoc_path(), f"--to={MARKDOWN}", "--wrap=none", "--fail-if-warnings"]
    command += [f"--lua-filter={FILTER}", *(f"--metadata={key}={value}" for key, value in options.items() if value)]
    body = EQUATION.sub(r"[\1]{#\2 .equation}", body)
    result = subprocess.run(command, input=body, capture_output=True, text=True, encoding="utf-8")
    if result.returncode:
        raise BuildError(f"{page.src}: {result.stderr.strip()}")
    return INLINE_HTML.sub(r"\1", result.stdout)
