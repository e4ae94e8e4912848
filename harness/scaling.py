"""Following the rate of loaders along axes: batch shape, corpus, row groups, buffer, workers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from ..loaders.library_text import ROW_GROUP, write_text_corpus
from ..reports.document import Scaling, Throughput
from ..suites.scaling import AXES, axes_of, curve, shape_at, uncurved
from ..suites.throughput import unmeasured
from .measuring import Measurer, Tell

if TYPE_CHECKING:
    from ..loaders.corpus import Corpus
    from .inquiry import Opened

ROUNDS = 6  # at each point: the least that has a 95 % interval of its median
SLOT_S = 0.06  # of one subject in one round
WRITTEN = ("corpus", "row_group")  # axes that need corpora of their own
Rows = dict[str, list[Throughput]]


class Scalings(msgspec.Struct):
    """The curves of one subject, as the journal keeps them."""

    curves: list[Scaling] = []


class _Texts:
    """The library text in other amounts and row groups, each written once."""

    def __init__(self, measurer: Measurer) -> None:
        self._folder = measurer.launcher.folder
        self._characters = measurer.settings.spent.characters
        self._written = {(self._characters, ROW_GROUP): measurer.corpus}

    def get(self, axis: str, value: float) -> Corpus:
        """The corpus to measure on at one point of an axis."""
        characters = int(self._characters * value) if axis == "corpus" else self._characters
        row_group = int(value) if axis == "row_group" else ROW_GROUP
        key = characters, row_group
        if key not in self._written:
            folder = self._folder / f"text-{characters}-{row_group}"
            self._written[key] = write_text_corpus(folder, characters, row_group=row_group)
        return self._written[key]


def measure_scaling(
    measurer: Measurer, subjects: Sequence[Opened], shape: tuple[int, int], tell: Tell
) -> dict[str, Scalings]:
    """The curves of every subject along the axes that it has, in the order of :data:`AXES`.

    Args:
        measurer: knows the corpus and the settings.
        subjects: all of those measured together at each point.
        shape: (B, T) where an axis does not vary it.
        tell: where progress goes.
    """
    found = {opened.ref.name: Scalings() for opened in subjects}
    texts = _Texts(measurer)
    for axis in AXES:
        having = [one for one in subjects if axis in axes_of(one.traits, one.described.known)]
        if axis in WRITTEN and measurer.settings.data is not None:
            given = "--data leaves it as it is; only the text of the standard library is written anew"
            curves: Mapping[str, Scaling] = {one.ref.name: uncurved(axis, given) for one in having}
        else:
            curves = _follow(measurer, texts, having, axis, shape, tell)
        for name, one in curves.items():
            found[name].curves.append(one)
    return found


def _follow(
    measurer: Measurer,
    texts: _Texts,
    subjects: Sequence[Opened],
    axis: str,
    shape: tuple[int, int],
    tell: Tell,
) -> dict[str, Scaling]:
    """One axis, point by point; a subject that breaks at one is not tried at those after it."""
    values: list[float] = []
    rows: Rows = {opened.ref.name: [] for opened in subjects}
    alive = list(subjects)
    for value in AXES[axis].values if subjects else ():

        def telling(text: str, where: str = f"scaling, {axis} {value:g}") -> None:
            tell(f"{where}: {text}")

        telling("preparing")
        corpus, size = texts.get(axis, value), shape_at(axis, value, shape)
        values.append(corpus.manifest.num_tokens.get("train", 0) if axis == "corpus" else value)
        point = _point(measurer, corpus, axis, value)
        trying = [_at(opened, axis, int(value)) for opened in alive]
        found = point.throughput(trying, size, telling) if trying else {}
        for name, kept in rows.items():
            row = found[name][0] if name in found else unmeasured(*size, "not tried: it broke before")
            kept.append(row)
        alive = [one for one in alive if not found[one.ref.name][1].broke]
    return {name: curve(axis, values, kept) for name, kept in rows.items()}


def _point(measurer: Measurer, corpus: Corpus, axis: str, value: float) -> Measurer:
    """A measurer for one point: few short rounds, on the corpus of that point."""
    effort = dataclasses.replace(measurer.settings.spent, rounds=ROUNDS, slot_s=SLOT_S)
    workers = int(value) if axis == "workers" else 0
    return Measurer(measurer.launcher, corpus, measurer.settings, effort, workers)


def _at(opened: Opened, axis: str, value: int) -> Opened:
    """The subject with its option of the axis's name, if it has one, at that value."""
    if axis not in ("buffer_size", "workers") or axis not in opened.described.known:
        return opened
    options = {**opened.described.options, axis: value}
    described = msgspec.structs.replace(opened.described, options=options)
    return dataclasses.replace(opened, described=described)
