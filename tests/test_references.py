"""The bibliography: one list, each key readable, nothing in it twice."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mlsysim.errors import UnknownName
from mlsysim.references import _bibliography, reference

BIB = Path(__file__).parents[1] / "references.bib"
KEYS = re.findall(r"^@\w+\{([^,]+),", BIB.read_text("utf-8"), re.MULTILINE)


def test_every_entry_of_the_file_is_read():
    assert len(set(KEYS)) == len(KEYS)
    assert set(_bibliography()) == set(KEYS)


@pytest.mark.parametrize("key", KEYS)
def test_an_entry_can_be_cited(key):
    source = reference(key)
    assert source.title
    assert source.authors
    assert not set("{}\\") & set(source.title + source.authors), "LaTeX is left in it"
    assert re.fullmatch(r"(19|20)\d\d|", source.year)
    assert source.url is None or re.match(r"https?://\S+$", source.url)


def test_an_unknown_key_gets_the_nearest_one():
    with pytest.raises(UnknownName, match=r"did you mean 'williams2009roofline'"):
        reference("williams2009rooflin")
