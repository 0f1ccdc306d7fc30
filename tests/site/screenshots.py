"""`python -m tests.site.screenshots SITE OUTDIR`: each page, light and dark, 1280 and 400 pixels wide."""

import sys
from pathlib import Path

from tests.site.browser import chromium, served, set_width

if __name__ == "__main__":
    site, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    for dark in (False, True):
        with served(site) as address, chromium(dark) as chrome:
            for page in sorted(p.relative_to(site) for p in site.rglob("*.html")):
                for width in (1280, 400):
                    set_width(chrome, width)
                    chrome.get(f"{address}{page}")
                    set_width(chrome, width, chrome.execute_script("return document.documentElement.scrollHeight"))
                    name = f"{'-'.join(page.with_suffix('').parts)}-{'dark' if dark else 'light'}-{width}.png"
                    chrome.save_screenshot(str(out / name))
