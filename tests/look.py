"""Look at the report page in Chromium: screenshots at two widths in both schemes, and axe-core over each.

    tox run -e pages                                  # the sample documents
    tox run -e pages -- loadstone-report/index.html   # a page of your own

Not a test of the default suite: it needs a Chromium (``CHROMIUM`` names one, else it is searched for). It
ends with 1 where axe-core has a finding, where the page is wider than its window, or where text is cut
or lies over other text.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

WIDTHS = (400, 1600)
SCHEMES = ("light", "dark")
PAPER = 760  # px: A4 less its margins
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SWITCHES = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
# What a person would call cut or overlapping; what scrolls, folds or is for screen readers only is meant so.
FAULTS = """() => {
  const seen = [], whole = document.documentElement.scrollWidth;
  if (whole > innerWidth + 1) seen.push(`the page is ${whole} px wide in ${innerWidth}`);
  const shown = node => node.checkVisibility() && !node.closest('.vh, .scroll, pre');
  for (const node of document.querySelectorAll('main *, header *'))
    if (shown(node) && !(node instanceof SVGElement)) {
      const box = node.getBoundingClientRect();
      if (box.width && box.right > innerWidth + 1) seen.push(`${node.tagName} ends at ${box.right} px`);
    }
  for (const chart of document.querySelectorAll('svg.chart')) {
    if (!chart.checkVisibility()) continue;
    const texts = [...chart.querySelectorAll('text')].filter(text => text.textContent.trim());
    const boxes = texts.map(text => text.getBoundingClientRect());
    boxes.forEach((one, at) => boxes.slice(at + 1).forEach((other, further) => {
      const wide = Math.min(one.right, other.right) - Math.max(one.left, other.left);
      const high = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
      if (wide > 2 && high > 3)
        seen.push(`"${texts[at].textContent}" lies over "${texts[at + 1 + further].textContent}"`);
    }));
  }
  return [...new Set(seen)];
}"""


def chromium() -> str:
    """The browser's path."""
    names = (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, filter(None, names))), None)
    if found is None:
        sys.exit("look: there is no Chromium; install one, or name it in CHROMIUM.")
    return found


def sample_pages(folder: Path) -> list[Path]:
    """The pages of all sample documents."""
    import sample_documents
    from loadstone.reports.html import render_html

    paths = []
    for name, make in sample_documents.EVERY.items():
        paths.append(folder / f"{name}.html")
        paths[-1].write_text(render_html(make()), "utf-8")
    return paths


def look(browser: Any, page: Path, folder: Path, rules: str) -> list[str]:
    """Screenshots of one page into the folder; what is wrong with it, a line each."""
    wrong = []
    for width in WIDTHS:
        for scheme in SCHEMES:
            context = browser.new_context(
                viewport={"width": width, "height": 1000}, color_scheme=scheme, offline=True, bypass_csp=True
            )
            tab = context.new_page()
            told: list[str] = []
            tab.on("console", lambda message, told=told: told.append(f"console: {message.text}"))
            tab.goto(page.absolute().as_uri())
            tab.screenshot(path=folder / f"{page.stem}-{width}-{scheme}.png", full_page=True)
            tab.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
            told += tab.evaluate(FAULTS)
            tab.evaluate(rules)
            result = tab.evaluate("tags => axe.run({runOnly: {type: 'tag', values: tags}})", RULES)
            told += [finding(one) for one in result["violations"]]
            wrong += [f"{page.name} at {width} px, {scheme}: {line}" for line in told]
            context.close()
    return wrong + printed(browser, page)


def printed(browser: Any, page: Path) -> list[str]:
    """Tables that paper would cut: on A4 less its margins nothing scrolls."""
    tab = browser.new_page(viewport={"width": PAPER, "height": 1000})
    tab.goto(page.absolute().as_uri())
    tab.emulate_media(media="print")
    tables = tab.evaluate(
        "[...document.querySelectorAll('table')].filter(one => one.checkVisibility())"
        ".map(one => [one.className, one.getBoundingClientRect().right])"
    )
    tab.close()
    return [f"{page.name} on paper: table {name} ends at {end} px" for name, end in tables if end > PAPER]


def finding(one: dict[str, Any]) -> str:
    """An accessibility finding on one line."""
    where = one["nodes"][0]["html"][:160]
    return f"{one['impact']}: {one['id']}: {one['help']}: {len(one['nodes'])} times, first {where}"


def main() -> int:
    """Look at the pages given, or at the samples."""
    import axe_playwright_python
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("pages", nargs="*", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("loadstone-pages"))
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    rules = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")
    with tempfile.TemporaryDirectory(prefix="loadstone-pages-") as folder, sync_playwright() as started:
        pages = given.pages or sample_pages(Path(folder))
        browser = started.chromium.launch(executable_path=chromium(), args=SWITCHES)
        wrong = [line for page in pages for line in look(browser, page, given.output, rules)]
        browser.close()
    print("\n".join([*wrong, f"{len(pages)} pages looked at, {len(wrong)} faults; see {given.output}/"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
