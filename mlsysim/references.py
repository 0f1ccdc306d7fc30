"""The bibliography: `references.bib`, the one list of sources that pages, records and equations cite by key."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from mlsysim.errors import unknown


class Reference(NamedTuple):
    """One source, as it is cited in a line."""

    key: str
    title: str
    authors: str
    year: str
    url: str | None

    @property
    def short(self) -> str:
        """Authors and year."""
        return f"{self.authors} ({self.year})" if self.year else self.authors

    def __str__(self) -> str:
        return f"{self.short}, {self.title}. {self.url or ''}".rstrip()


@cache
def _bibliography() -> dict[str, Reference]:
    import bibtexparser
    from bibtexparser import middlewares

    here = Path(__file__)
    shipped, checkout = here.with_name("references.bib"), here.parents[1] / "references.bib"
    library = bibtexparser.parse_file(
        str(shipped if shipped.exists() else checkout),
        append_middleware=[
            middlewares.SeparateCoAuthors(),
            middlewares.SplitNameParts(),
            middlewares.LatexDecodingMiddleware(),
        ],
    )
    references = {}
    for entry in library.entries:
        fields = {field.key: field.value for field in entry.fields}
        last = [" ".join(name.von + name.last).strip("{}") for name in fields.get("author", [])]
        authors = " and ".join(last) if len(last) < 3 else f"{last[0]} et al."
        doi = fields.get("doi")
        url = fields.get("url") or (f"https://doi.org/{doi}" if doi else None)
        references[entry.key] = Reference(entry.key, fields["title"], authors, str(fields.get("year", "")), url)
    return references


def reference(key: str) -> Reference:
    """Return the source that a key stands for.

    Raises
    ------
    UnknownName
        If the bibliography has no such key.

    Examples
    --------
    >>> reference("williams2009roofline").short
    'Williams et al. (2009)'
    """
    if key not in _bibliography():
        raise unknown("reference", key, _bibliography())
    return _bibliography()[key]


@cache
def _keys() -> dict[str, str]:
    """The keys by title, and by address."""
    known = _bibliography().values()
    return {one.url: one.key for one in known if one.url} | {one.title.casefold(): one.key for one in known}


def key_of(title: str | None, url: str | None = None) -> str | None:
    """Return the key under which the bibliography has a source of some title or address; None where it has none.

    Examples
    --------
    >>> key_of("Roofline: an insightful visual performance model for multicore architectures")
    'williams2009roofline'
    >>> key_of("My own bench") is None
    True
    """
    return _keys().get((title or "").casefold()) or _keys().get(url or "")


def source_of(source: str) -> Reference:
    """Return the source of a figure: that of a key, or a page by its address.

    Raises
    ------
    UnknownName
        If it is neither a key of the bibliography nor an address.

    Examples
    --------
    >>> source_of("https://example.org/data-sheet.pdf").short
    'example.org'
    """
    if source.startswith("https://"):
        return Reference(source, source, urlsplit(source).netloc, "", source)
    return reference(source)


def citation(source: str) -> str:
    """Return a source in a line: that of a key in full, an address or a remark as it is.

    Examples
    --------
    >>> citation("own measurement")
    'own measurement'
    """
    return str(_bibliography().get(source, source))
