"""A status badge: the run in two or three words, as SVG for a README."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .document import Document

# White text keeps a contrast of 4.5:1 on each.
COLOURS = {"pass": "#17693b", "fail": "#b3261e", "leak": "#b3261e", "unknown": "#855400", "skip": "#5f666d"}
_LETTER = 6.6  # px, of 11 px sans-serif, on average; `textLength` makes the rest exact
_PAD = 6


def badge_words(document: Document) -> tuple[str, str]:
    """The worst status of the run, and what the badge says of it."""
    count = Counter(subject.status() for subject in document.subjects)
    total = len(document.subjects)
    verbs = {"fail": "fail", "leak": "leak", "unknown": "unknown"}
    for status, verb in verbs.items():
        if count[status]:
            return status, f"{count[status]} of {total} {verb}"
    if count["pass"]:
        return "pass", f"{count['pass']} of {total} pass" if count["skip"] else f"{total} pass"
    return "skip", "not judged"


def render_badge(document: Document) -> str:
    """Return the SVG; it holds no name and no message of a subject."""
    status, words = badge_words(document)
    left, right = (round(len(text) * _LETTER) + 2 * _PAD for text in ("loadstone", words))
    parts = (("loadstone", 0, left, "#3b4248"), (words, left, right, COLOURS[status]))
    boxes = "".join(f'<rect x="{x}" width="{w}" height="20" fill="{fill}"/>' for _, x, w, fill in parts)
    texts = "".join(
        f'<text x="{x + _PAD}" y="14" textLength="{w - 2 * _PAD}">{escape(text)}</text>'
        for text, x, w, _ in parts
    )
    said = escape(f"loadstone: {words}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" '
        f'aria-label="{said}"><title>{said}</title><clipPath id="r"><rect width="{left + right}" height="20" '
        f'rx="3"/></clipPath><g clip-path="url(#r)">{boxes}</g><g fill="#fff" '
        f'font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">{texts}</g></svg>\n'
    )
