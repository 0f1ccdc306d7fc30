"""The embedded renderer: pandoc resolves each page's references, smalldocs makes the site from `_quarto.yml`."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pypandoc
from rich.progress import track
from smalldocs.config import BuildError
from smalldocs.site import Page, Site

from .execute import execute

FILTER = Path(__file__).with_name("crossref.lua")
MARKDOWN = "markdown-tex_math_dollars-smart-citations-raw_html"  # what is left for smalldocs to read
EQUATION = re.compile(r"(\$\$(?:(?!\$\$).)+\$\$)\s*\{#(eq-[\w-]+)\}", re.S)
PAGE_LINK = re.compile(r'(?<=href=")[^":]+\.qmd[^"]*')
TABLE = re.compile(r"<table.*?</table>", re.S)


class Textbook(Site):
    """A smalldocs site whose pages are executed and passed through pandoc, side by side, before it renders them."""

    def warn(self, message: str) -> None:
        """Say what is wrong with a page; what `_quarto.yml` holds for Quarto alone is not."""
        self.say(f"warning: {message}")

    def load_symbols(self) -> None:
        """Prepare the pages: `build` calls this when it has read them all and rendered none."""
        super().load_symbols()
        with ThreadPoolExecutor() as pool:
            list(track(pool.map(self.prepare, self.pages.values()), "Rendering pages", len(self.pages)))

    def prepare(self, page: Page) -> None:
        """Turn a page into plainer Markdown: cells, citations, references, maths, tables and profiles resolved."""
        body = EQUATION.sub(r"[\1]{#\2 .equation}", execute(page, self.root))
        arguments = ["--wrap=none", "--fail-if-warnings", f"--lua-filter={FILTER}", f"--resource-path={self.root}"]
        known = {"bibliography", "link-citations", "number-sections"} & page.meta.keys()
        arguments += [f"--metadata={key}={page.meta[key]}" for key in known if page.meta[key]]
        try:
            page.body = pypandoc.convert_text(body, MARKDOWN, "markdown", arguments, verify_format=False)
        except RuntimeError as error:
            raise BuildError(f"{page.src}: {error}") from None
        page.meta["from"] = MARKDOWN

    def render_page(self, page: Page) -> None:
        """Render a page; links to pages work and search finds words in its tables and other HTML too."""
        super().render_page(page)
        page.html = PAGE_LINK.sub(lambda link: self.resolve(link[0], page), page.html)
        tables = " ".join(TABLE.findall(page.html))
        page.env["search"] += [{"id": "", "title": page.title, "text": tables}] if tables else []
