"""The verb ``show``: the first rows of a batch as a person wants to see them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.text import Text

from ..errors import UsageError
from ..loaders.corpus import Corpus
from ..loaders.library_text import write_text_corpus
from ..loaders.real_data import open_data
from ..reports.terminal import make_console
from ..suites.evidence import IGNORED
from .answers import Sample
from .contender import one_answer
from .inquiry import Inquiry
from .launch import Launcher
from .measuring import Measurer
from .settings import Settings
from .subjects import select

SHOWN_CHARACTERS = 200_000  # of library text; the first batch needs little
UNROLLED_T = 8  # up to this T the "context -> target" lines are short enough to read
TEXT_WIDTH = 10


@dataclasses.dataclass(frozen=True)
class View:
    """One batch ready to be shown: ids (B, T), which targets count, and how an id is spelled."""

    x: np.ndarray[Any, np.dtype[Any]]
    y: np.ndarray[Any, np.dtype[Any]]
    counts: np.ndarray[Any, np.dtype[np.bool_]]
    spell: Callable[[int], str]


def show_batch(settings: Settings, *, rows: int, no_color: bool = False) -> None:
    """Print the first rows of the first batch.

    Raises:
        UsageError: the subject or the data cannot be used, or gave no batch.
    """
    settings.validate()
    (ref,) = select(settings.subjects)
    data = open_data(settings.data, settings.dtype, settings.vocab_size) if settings.data else None
    with Launcher() as launcher:
        launcher.start()
        inquiry = Inquiry(launcher)
        inquiry.require_device(settings.device)
        opened = inquiry.open(ref, dict(settings.traits), dict(settings.options))
        corpus = data or write_text_corpus(launcher.folder / "text", SHOWN_CHARACTERS)
        measurer = Measurer(launcher, corpus, settings)
        reason = measurer.unreadable(opened)
        if reason:
            raise UsageError(f"{ref.name} {reason}; give other data with --data.")
        shape = settings.check_shape()
        arguments = measurer.arguments(opened, shape.batch_size, shape.seq_len)
        child = launcher.fork("sample", arguments)
        sample = one_answer(child, settings.deadline_s, Sample)
        if sample is None or sample.x is None:
            why = (sample.problem or sample.facts.reason) if sample else f"ended ({child.fate()})"
            raise UsageError(f"{ref.name} gave no batch to show: {why}.")
        require_rows(ref.name, sample)
        console = make_console(no_color=no_color)
        for line in lines(ref.name, sample, corpus, rows, console):
            console.print(line, soft_wrap=True)


def require_rows(name: str, sample: Sample) -> None:
    """Refuse a batch that is no rows of ids.

    Raises:
        UsageError: not two dimensions, no rows, or no whole numbers.
    """
    for part, field in (("x", sample.x), ("y", sample.y)):
        if field is None:
            continue
        array = field.array()
        if array.ndim != 2 or not array.size or array.dtype.kind not in "iub":
            raise UsageError(
                f"{name} gave {part} of shape {array.shape} and type {field.dtype}, which cannot be shown: "
                "whole numbers (B, T) were expected; `loadstone check` says more."
            )


def lines(name: str, sample: Sample, corpus: Corpus, rows: int, console: Console) -> Iterator[Text]:
    """Everything that is printed, line by line."""
    assert sample.x is not None
    x = sample.x.array()
    y = sample.y.array() if sample.y is not None else x
    counts = ~np.isin(y, IGNORED)
    if sample.mask is not None:
        counts &= sample.mask.array() != 0
    view = View(x, y, counts, speller(corpus))
    dtypes = f"x {sample.x.dtype}" + (f", y {sample.y.dtype}" if sample.y else ", no y: the model shifts")
    yield Text(f"{name}: {sample.form}, x {x.shape}, y {y.shape}, {dtypes}", style="bold")
    yield Text(f"{counts.mean():.0%} of the targets are supervised; ignored ones are shown as ·", style="dim")
    for row in range(min(rows, len(x))):
        yield Text("")
        yield from row_lines(view, row, console.width)
    yield Text("")
    yield stream_line(view)
    if x.shape[1] <= UNROLLED_T and x.shape == y.shape:
        yield from unrolled(view)


def speller(corpus: Corpus) -> Callable[[int], str]:
    """How an id reads; a bare id where the corpus names no tokenizer."""
    if not corpus.manifest.tokenizer:
        return lambda _: ""
    encoding = corpus.tokenizer

    def spell(token: int) -> str:
        try:
            raw = encoding.decode_single_token_bytes(token)
        except KeyError:
            return "?"
        text = raw.decode("utf-8", "replace")
        return text if text.startswith("<|") else repr(text)[1:-1]

    return spell


def row_lines(view: View, row: int, width: int) -> Iterator[Text]:
    """Ids of x over those of y over the text of x, in as many columns as fit."""
    x, y, counts = view.x[row].tolist(), view.y[row].tolist(), view.counts[row].tolist()
    columns = max(len(x), len(y))
    words = [_cut(view.spell(token)) for token in x] + [""] * (columns - len(x))
    ids = [str(token) for token in x] + [""] * (columns - len(x))
    targets = [str(token) if keep else "·" for token, keep in zip(y, counts, strict=True)]
    targets += [""] * (columns - len(y))
    counts += [False] * (columns - len(counts))
    sizes = [max(map(len, cell)) + 2 for cell in zip(words, ids, targets, strict=True)]
    for low, high in _chunks(sizes, width - 8):
        cells = range(low, high)
        label = f"row {row}" if low == 0 else ""
        yield Text(f"{label:<6}x ") + Text("".join(f"{ids[i]:>{sizes[i]}}" for i in cells))
        line = Text(f"{'':<6}y ")
        for i in cells:
            line.append(f"{targets[i]:>{sizes[i]}}", style="bold green" if counts[i] else "dim")
        yield line
        if any(words[low:high]):
            yield Text(f"{'':<8}" + "".join(f"{words[i]:>{sizes[i]}}" for i in cells), style="cyan")


def _cut(word: str) -> str:
    return word if len(word) <= TEXT_WIDTH or word.startswith("<|") else word[: TEXT_WIDTH - 1] + "…"


def _chunks(sizes: Sequence[int], width: int) -> Iterator[tuple[int, int]]:
    """Runs of columns that fit the width, at least one column each."""
    low = used = 0
    for i, size in enumerate(sizes):
        if used + size > width and i > low:
            yield low, i
            low, used = i, 0
        used += size
    yield low, len(sizes)


def stream_line(view: View) -> Text:
    """The first row by its symbols: t0=<|bos|> t1=..."""
    row = view.x[0].tolist()[:16]
    symbols = (f"t{i}={view.spell(token) or token}" for i, token in enumerate(row))
    return Text("stream  " + " ".join(symbols))


def unrolled(view: View) -> Iterator[Text]:
    """Every prediction the first row asks for, one a line."""
    x, y, counts = view.x[0].tolist(), view.y[0].tolist(), view.counts[0].tolist()
    for t in range(len(x)):
        context = " ".join(map(str, x[: t + 1]))
        target = str(y[t]) if counts[t] else "·"
        yield Text(f"context {context} -> target {target}")
