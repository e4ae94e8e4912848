"""The measured parts of a run: each taken from the journal, or measured and written down there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from ..reports.document import Memory, Subject, Throughput, Transfer
from ..suites.feeding import strike_feeding
from ..suites.scaling import strike_scaling
from ..suites.throughput import Facts, strike
from . import waivers
from .documenting import measured_findings, no_memory
from .feeding import Feedings, measure_feeding
from .inquiry import Opened
from .journal import Journal, NoJournal
from .measuring import Measurer
from .scaling import Scalings, measure_scaling
from .settings import FEEDING, MEMORY, SCALING, THROUGHPUT, TRANSFER
from .telling import Telling

T = TypeVar("T")


class Timed(msgspec.Struct):
    """The throughput rows of one subject, and what was seen of it before."""

    rows: list[Throughput]
    facts: list[Facts]


class MeasuredParts:
    """Throughput, curves, feeding, memory and transfer of the subjects of one run."""

    def __init__(
        self,
        measurer: Measurer,
        subjects: Sequence[Subject],
        waived: Mapping[str, Sequence[waivers.Waiver]],
        journal: Journal | NoJournal,
        telling: Telling,
    ) -> None:
        self.measurer, self.settings, self.subjects = measurer, measurer.settings, subjects
        self.waived, self.journal, self.telling = waived, journal, telling

    def measure(self, opened: list[Opened]) -> None:
        """Measure all that is asked for, and write it into the subjects."""
        parts = self.settings.parts
        if THROUGHPUT in parts:
            self._throughput(opened)
        if SCALING in parts:
            self._scaling(opened)
        if FEEDING in parts:
            self._feeding(opened)
        if MEMORY in parts:
            self._memory(opened)
        for one, subject in zip(opened, self.subjects, strict=True):
            if TRANSFER in parts:
                self.telling.step(f"{one.ref.name}: transfer")
                shape = self.settings.measured_shapes()[0]
                subject.transfer = [
                    self.journal.get(one.ref.name, TRANSFER, Transfer) or self.measurer.transfer(one, shape)
                ]
                self.journal.put(one.ref.name, TRANSFER, subject.transfer[0])
                self.telling.advance()

    def _throughput(self, opened: list[Opened]) -> None:
        """Rows of all subjects at all shapes.

        Subjects are compared only within the same rounds, so a resumed run measures all of them
        anew unless all of them were done.
        """
        shapes = self.settings.measured_shapes()
        done = self._kept(opened, THROUGHPUT, Timed)
        if not done:
            done = {one.ref.name: Timed([], []) for one in opened}
            for shape in shapes:
                found = self.measurer.throughput(opened, shape, self.telling.step)
                for name, (row, facts) in found.items():
                    done[name].rows.append(row)
                    done[name].facts.append(facts)
                self.telling.advance()
            for name, timed in done.items():
                self.journal.put(name, THROUGHPUT, timed)
        for subject in self.subjects:
            timed = done[subject.name]
            subject.throughput = timed.rows
            measured = measured_findings(subject, timed.facts)
            subject.checks += waivers.apply(measured, self.waived[subject.name])
            strike(subject.throughput, subject.checks)

    def _kept(self, opened: Sequence[Opened], part: str, kind: type[T]) -> dict[str, T]:
        """What the journal holds of a part that is measured of all subjects together: of all, or of none."""
        found = {one.ref.name: self.journal.get(one.ref.name, part, kind) for one in opened}
        kept = {name: value for name, value in found.items() if value is not None}
        return kept if len(kept) == len(found) else {}

    def _scaling(self, opened: list[Opened]) -> None:
        """Curves of the subjects whose throughput could be measured; like it, all anew or none."""
        done = self._kept(opened, SCALING, Scalings)
        if not done:
            pairs = zip(opened, self.subjects, strict=True)
            tried = THROUGHPUT in self.settings.parts
            able = [one for one, its in pairs if not tried or any(row.tokens_per_s for row in its.throughput)]
            shape = self.settings.measured_shapes()[0]
            found = measure_scaling(self.measurer, able, shape, self.telling.step)
            done = {one.ref.name: found.get(one.ref.name, Scalings()) for one in opened}
            for name, curves in done.items():
                self.journal.put(name, SCALING, curves)
        for subject in self.subjects:
            subject.scaling = done[subject.name].curves
            strike_scaling(subject.scaling, subject.checks)
        self.telling.advance()

    def _feeding(self, opened: list[Opened]) -> None:
        """Feeding of all subjects at the first shape; like throughput, all in the same rounds or none."""
        done = self._kept(opened, FEEDING, Feedings)
        if not done:
            shape, step_s = self.settings.measured_shapes()[0], (self.settings.step_time or 0.0) / 1e3
            done = measure_feeding(self.measurer, opened, shape, step_s, self.telling.step)
            for name, fed in done.items():
                self.journal.put(name, FEEDING, fed)
        for subject in self.subjects:
            fed = done[subject.name]
            subject.feeding = fed.rows
            broke = [facts for facts in fed.facts if facts.broke]
            if broke and not any(finding.id == "end.measured" for finding in subject.checks):
                found = measured_findings(subject, broke)
                subject.checks += waivers.apply(found, self.waived[subject.name])
            strike_feeding(subject.feeding, subject.checks)
        self.telling.advance()

    def _memory(self, opened: list[Opened]) -> None:
        kept = {one.ref.name: self.journal.get(one.ref.name, MEMORY, Memory) for one in opened}
        todo = [one for one in opened if kept[one.ref.name] is None]
        found = self.measurer.memory(todo, self.telling.step)
        for name, verdict in found.items():
            self.journal.put(name, MEMORY, verdict)
        for subject in self.subjects:
            subject.memory = [found.get(subject.name) or kept[subject.name] or no_memory()]
        self.telling.advance()
