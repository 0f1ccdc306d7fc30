"""The whole site: its files, then its pages in a browser."""

import json
import re
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from bs4 import BeautifulSoup
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.site.browser import chromium, set_width

LOADED = {"script": "src", "link": "href", "img": "src", "source": "src", "iframe": "src", "video": "src"}
EXPECTED = [
    "index.html",
    "tutorials/00_hello_roofline.html",
    "tutorials/01_memory_wall.html",
    "zoo/hardware.html",
    "zoo/models.html",
    "zoo/systems.html",
    "zoo/infrastructure.html",
    "guide/walls.html",
    "guide/fidelity.html",
    "guide/command_line.html",
    "api/index.html",
]
SORTED = "const c = document.querySelectorAll('.sortable tbody tr td:first-child'); return [...c].map(e => e.innerText)"


@pytest.fixture(scope="module")
def pages(site) -> dict[str, BeautifulSoup]:
    files = sorted(site.rglob("*.html"))
    return {str(f.relative_to(site)): BeautifulSoup(f.read_text(encoding="utf-8"), "html.parser") for f in files}


def open_page(chrome, url: str) -> None:
    chrome.get(url)
    WebDriverWait(chrome, 30).until(lambda c: c.execute_script("return document.readyState") == "complete")


def test_every_expected_page_is_built(pages):
    assert set(EXPECTED) <= set(pages)


def test_links_and_anchors_lead_somewhere(site, pages):
    ids = {name: {element["id"] for element in soup.select("[id]")} for name, soup in pages.items()}
    broken = []
    for name, soup in pages.items():
        for link in soup.select("a[href]"):
            parts = urlsplit(urljoin(name, link["href"]) if link["href"] else name)
            if parts.scheme:
                continue
            target = unquote(parts.path)
            target = f"{target}index.html" if target.endswith("/") else target or name
            if not (site / target).is_file() or (parts.fragment and unquote(parts.fragment) not in ids.get(target, ())):
                broken.append((name, link["href"]))
    assert not broken


def test_ids_are_unique(pages):
    for name, soup in pages.items():
        ids = [element["id"] for element in soup.select("[id]")]
        assert sorted(ids) == sorted(set(ids)), name


def test_images_have_alternative_text(pages):
    images = [(name, image) for name, soup in pages.items() for image in soup.select("img")]
    assert [(name, image["src"]) for name, image in images if not image.get("alt")] == []


def test_pages_load_nothing_from_another_host(pages):
    for name, soup in pages.items():
        loaded = [element.get(LOADED[element.name], "") for element in soup.select(",".join(LOADED))]
        assert [url for url in loaded if re.match(r"(https?:)?//|data:", url)] == [], name


def test_styles_load_nothing_from_another_host(site):
    for style in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*['\"]?(https?:)?//", style.read_text(encoding="utf-8")), style


def test_no_page_shows_unresolved_markup(pages):
    for name, soup in pages.items():
        text = " ".join(e.get_text(" ") for e in soup.select("main p, main figcaption, main li, main h2, main h3"))
        assert not re.search(r"\{python\}|\{\{<|\?@|@(fig|tbl|eq|sec|exr)-|\{#|:::|\{=\w+\}", text), name


def test_the_table_script_is_one_shared_file(site):
    assert [str(p.relative_to(site)) for p in site.rglob("dt_bundle.js")] == ["assets/vendor/dt_bundle.js"]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_figures_console_and_requests_in_a_browser(address, pages, dark):
    with chromium(dark) as chrome:
        for name, soup in pages.items():
            open_page(chrome, address + name)
            expected, hidden = ("dark", "light") if dark else ("light", "dark")
            for image in chrome.find_elements(By.CSS_SELECTOR, "main img"):
                if image.find_elements(By.XPATH, f"ancestor-or-self::*[contains(@class, '{hidden}-content')]"):
                    assert not image.is_displayed(), (name, expected)
                elif not image.find_elements(By.XPATH, "ancestor::*[contains(@class, 'tab-pane')]"):
                    assert image.is_displayed(), (name, image.get_attribute("src"))
                    assert int(image.get_property("naturalWidth")) > 0, (name, image.get_attribute("src"))
            for figure in soup.select("figure[id^=fig-]"):
                assert figure.select("img"), (name, figure["id"])
        assert [entry["message"] for entry in chrome.get_log("browser") if entry["level"] == "SEVERE"] == []
        assert requested_hosts(chrome) == {"127.0.0.1"}


def requested_hosts(chrome) -> set[str | None]:
    messages = [json.loads(entry["message"])["message"] for entry in chrome.get_log("performance")]
    sent = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    return {urlsplit(url).hostname for url in sent if url.startswith("http")}


def test_search_finds_roofline(address, chrome):
    set_width(chrome, 1280)
    open_page(chrome, address + "index.html")
    chrome.find_element(By.CSS_SELECTOR, ".smalldocs-search input").send_keys("roofline")
    hits = WebDriverWait(chrome, 30).until(lambda c: c.find_elements(By.CSS_SELECTOR, ".search-result"))
    assert any("roofline" in hit.text.lower() for hit in hits)
    hits[0].click()
    WebDriverWait(chrome, 30).until(lambda c: "roofline" in c.find_element(By.TAG_NAME, "main").text.lower())


def test_dark_mode_switches_colours_and_figures(address, chrome):
    set_width(chrome, 1280)
    open_page(chrome, address + "tutorials/00_hello_roofline.html")

    def look(browser) -> tuple[str, list[str]]:
        images = browser.find_elements(By.CSS_SELECTOR, "figure img")
        shown = [image.get_attribute("src") for image in images if image.is_displayed()]
        return browser.execute_script("return getComputedStyle(document.body).backgroundColor"), shown

    def switched(browser, before: tuple[str, list[str]]) -> tuple[str, list[str]] | None:
        now = look(browser)
        return now if now[0] != before[0] and len(now[1]) == len(before[1]) and now[1] != before[1] else None

    looks = [look(chrome)]
    for _ in range(2):
        chrome.find_element(By.CSS_SELECTOR, ".quarto-color-scheme-toggle").click()
        looks.append(WebDriverWait(chrome, 30).until(lambda browser: switched(browser, looks[-1])))
    assert looks[0] == looks[2]


def test_sortable_tables_sort_and_filter(address, chrome):
    set_width(chrome, 1280)
    open_page(chrome, address + "zoo/hardware.html")
    box = WebDriverWait(chrome, 30).until(lambda c: c.find_elements(By.CSS_SELECTOR, ".sortable .dt-search input"))[0]
    names = chrome.execute_script(SORTED)
    header = chrome.find_element(By.CSS_SELECTOR, ".sortable thead th")
    chrome.execute_script("arguments[0].scrollIntoView({block: 'center'})", header)
    header.click()
    WebDriverWait(chrome, 30).until(lambda c: header.get_attribute("aria-sort"))
    assert chrome.execute_script(SORTED) == sorted(names, key=str.lower)
    box.send_keys("H100")
    WebDriverWait(chrome, 30).until(lambda c: 0 < len(c.execute_script(SORTED)) < len(names))


@pytest.mark.parametrize("width", [400, 1280])
def test_pages_do_not_scroll_sideways(address, pages, chrome, width):
    set_width(chrome, width)
    wide = {}
    for name in pages:
        open_page(chrome, address + name)
        extra = chrome.execute_script("const e = document.documentElement; return e.scrollWidth - e.clientWidth")
        if extra > 0:
            wide[name] = extra
    assert wide == {}
