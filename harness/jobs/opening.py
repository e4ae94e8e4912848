"""Opening a subject for a measurement: on whatever data there is, with its failures told apart."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from ...loaders import contract, corpus
from ...loaders.batch import normalise
from ...suites.throughput import Facts
from ..subjects import SubjectRef, open_factory


def open_loader(
    subject: dict[str, Any], config: dict[str, Any], folder: str, manifest: dict[str, Any]
) -> tuple[Iterable[Any] | None, Facts]:
    """The iterable and the time it took; None with the reason if it cannot be opened.

    Data that a loader cannot read (its :class:`UsageError`) is a reason to skip it; anything
    else it raises is its own failure.
    """
    ref = msgspec.convert(subject, SubjectRef)
    factory = open_factory(ref)
    source, asked = _given(config, folder, manifest)
    began = time.perf_counter()
    try:
        loader = factory(source, asked)
    except BaseException as error:  # noqa: BLE001 - a subject may raise anything
        return None, _refusal(error)
    return loader, Facts(startup_s=time.perf_counter() - began)


def first_batch(
    loader: Iterable[Any] | None, facts: Facts, seq_len: int = 0
) -> tuple[Iterator[Any] | None, Any]:
    """The iterator after its first item, whose time is noted; None, with the reason noted, if there is none.

    With ``seq_len`` the item has to be a batch that can be timed, too.
    """
    if loader is None:
        return None, None
    began = time.perf_counter()
    try:
        items = iter(loader)
        item = next(items)
    except StopIteration:
        facts.reason = "the loader gave no batch on this data"
        return None, None
    except BaseException as error:  # noqa: BLE001
        told = _refusal(error)
        facts.reason, facts.broke = told.reason, told.broke
        return None, None
    facts.first_batch_s = time.perf_counter() - began
    if seq_len and (why := no_batch(item, seq_len)):
        facts.reason, facts.broke = why, True
        return None, None
    return items, item


def no_batch(item: Any, seq_len: int) -> str:
    """Why an item is no batch; empty if it is one."""
    try:
        normalise(item, seq_len)
    except Exception as error:  # noqa: BLE001 - an array of a strange kind, a mapping that raises
        return f"the loader yields what is no batch: {' '.join(str(error).split())[:300]}"
    return ""


def _given(config: dict[str, Any], folder: str, manifest: dict[str, Any]) -> tuple[Any, Any]:
    """Corpus and config, of the classes that the subject itself would import by now."""
    corpora = importlib.import_module(corpus.__name__)
    source = corpora.Corpus(folder, msgspec.convert(manifest, corpora.Manifest))
    return source, importlib.import_module(contract.__name__).LoaderConfig(**config)


def _refusal(error: BaseException) -> Facts:
    """What an error says: ours for data that cannot be read is no failure, from whichever tree it comes."""
    text = " ".join(str(error).split())[:300]
    if any(kind.__name__ == "UsageError" for kind in type(error).__mro__):
        return Facts(reason=str(error))
    return Facts(reason=f"the loader raised {type(error).__name__}: {text}", broke=True)


def forever(loader: Iterable[Any], items: Iterator[Any]) -> Iterator[Any]:
    """Go on with the iterator, and with a new pass whenever one ends."""
    while True:
        empty = True
        for item in items:
            empty = False
            yield item
        items = iter(loader)
        if empty:
            # A loader whose second pass is empty would spin here for ever.
            item = next(items, None)
            if item is None:
                return
            yield item
