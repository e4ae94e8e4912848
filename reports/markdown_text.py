"""Foreign text and tables as Markdown that shows them as they are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .digest import one_line, plain

if TYPE_CHECKING:
    from collections.abc import Iterable

_PUNCTUATION = re.compile(r"([\\`*_{}\[\]()#+!|~])")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"})


def escape(text: object) -> str:
    """Foreign text on one line that Markdown shows as it is: no markup, no HTML, no table cell ends."""
    return _PUNCTUATION.sub(r"\\\1", one_line(text)).translate(_ENTITIES).replace("://", "&#58;//")


def code(text: object) -> str:
    """Foreign text as a code span, whatever backticks and pipes it holds."""
    line = one_line(text, 400).replace("|", "\\|")
    if "`" not in line:
        return f"`{line}`"
    fence = "`" * (1 + max(len(run) for run in re.findall("`+", line)))
    return f"{fence} {line} {fence}"


def fenced(text: object, language: str = "") -> str:
    """Foreign text as a code block, its fence longer than any inside."""
    body = plain(text)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", body)), default=0))
    return f"{fence}{language}\n{body}\n{fence}"


def as_table(head: Iterable[str], rows: Iterable[Iterable[str]], left: int = 1) -> str:
    """A table of ready Markdown cells; columns from ``left`` on are numbers, so right-aligned."""
    head = list(head)
    rule = [":--" if place < left else "--:" for place in range(len(head))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *rows))
