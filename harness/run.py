"""The main job: open the subjects, check them, measure them, and put it all into one document."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Protocol

import msgspec

from ..errors import NothingSelectedError, UsageError, did_you_mean
from ..loaders.corpus import Corpus
from ..loaders.real_data import open_data, require_window
from ..reports.answers import exit_code, summarise
from ..reports.document import (
    Document,
    Finding,
    Memory,
    Subject,
    Throughput,
    Transfer,
    decode,
    encode,
)
from ..suites.families import REGISTER, matches
from ..suites.feeding import strike_feeding
from ..suites.scaling import strike_scaling
from ..suites.throughput import Facts, strike
from . import waivers
from .configuration import configure
from .documenting import data_of, measured_findings, no_memory, subject_of
from .feeding import Feedings, measure_feeding
from .inquiry import Inquiry, Opened
from .journal import Journal
from .lanes import side_by_side, wanted
from .launch import Launcher
from .machine import describe_machine
from .measuring import Measurer
from .scaling import Scalings, measure_scaling
from .settings import CHECKS, FEEDING, MEMORY, SCALING, THROUGHPUT, TRANSFER, Settings
from .subjects import SubjectRef, select, with_options


class Telling(Protocol):
    """Where progress goes."""

    def step(self, text: str) -> None:
        """Say what is running now."""
        ...

    def advance(self, n: int = 1) -> None:
        """Say that a part is done."""
        ...


class Checked(msgspec.Struct):
    """What the checks of one subject gave, as the journal keeps it."""

    findings: list[Finding]
    observed: dict[str, Any]


class Timed(msgspec.Struct):
    """The throughput rows of one subject, and what was seen of it before."""

    rows: list[Throughput]
    facts: list[Facts]


class Run:
    """One run of some parts over some subjects; use as a context manager, then call :meth:`document`.

    Args:
        settings: what is asked for.
        refs: the subjects, where they are known already; else those that the settings name.
        launcher: one that others use too, and that whoever lends it ends; else one of its own.

    Raises:
        UsageError: settings, subjects or data that cannot be used, before anything is run.
    """

    def __init__(
        self,
        settings: Settings,
        refs: Sequence[SubjectRef] | None = None,
        launcher: Launcher | None = None,
    ) -> None:
        settings.validate()
        self.settings = settings
        self.refs = list(refs) if refs is not None else select(settings.subjects)
        for word in settings.only:
            if not any(matches(one, (word,)) for one in REGISTER):
                hint = did_you_mean(word, REGISTER, "checks")
                raise NothingSelectedError(f"--only {word} selects no check; {hint}")
        self.data = open_data(settings.data, settings.dtype, settings.vocab_size) if settings.data else None
        if self.data is not None and "tokens" in self.data.reads():
            for _, seq_len in settings.measured_shapes():
                require_window(self.data, seq_len)
        self.configured = configure(self.refs)
        self.waived: dict[str, Sequence[waivers.Waiver]] = {}
        self.lent, self.launcher = launcher is not None, launcher or Launcher()
        self.launcher.start()  # loads its libraries while we go on
        if {CHECKS, MEMORY} & set(settings.parts):
            _ = self.launcher.exact  # so does this one
        self.inquiry = Inquiry(self.launcher, settings.deadline_s, settings.memory_limit)
        self.lanes = [self.inquiry]
        if not self.lent and CHECKS in settings.parts and wanted(len(self.refs)) > 1:
            other = Launcher()
            other.start()
            self.lanes.append(Inquiry(other, settings.deadline_s, settings.memory_limit))
        self.lock = threading.Lock()  # progress and journal are told by several lanes
        self.journal: Journal | None = None
        self.subjects: list[Subject] = []

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for lane in self.lanes if not self.lent else []:
            lane.launcher.__exit__(kind, error, trace)
        if self.journal is not None:
            self.journal.close(finished=error is None)

    @property
    def steps(self) -> int:
        """How many parts there are, for the progress bar."""
        shapes = len(self.settings.measured_shapes())
        each = {CHECKS: len(self.refs), THROUGHPUT: shapes, TRANSFER: len(self.refs)}
        return len(self.refs) + sum(each.get(part, 1) for part in self.settings.parts)

    def execute(self, telling: Telling) -> Document:
        """Do it all; raises :class:`UsageError` for a device or subjects that cannot be used."""
        self.inquiry.require_device(self.settings.device)
        opened = self._open(telling)
        if self.settings.folder is not None:
            self.journal = Journal(self.settings.folder, self.settings.plain(), self.settings.resume)
        self.subjects = [subject_of(one, self.waived[one.ref.name]) for one in opened]
        if CHECKS in self.settings.parts:
            pairs = list(zip(opened, self.subjects, strict=True))
            side_by_side(self.lanes, pairs, lambda lane, pair: self._check(lane, *pair, telling))
        corpus = self._corpus(telling)
        if corpus is not None:
            self._measure(opened, Measurer(self.launcher, corpus, self.settings), telling)
        return self.document(corpus)

    def _open(self, telling: Telling) -> list[Opened]:
        opened: list[Opened] = []
        options = dict(self.settings.options)
        for ref in self.refs:
            telling.step(f"{ref.name}: opening")
            told = self.configured[ref.name]
            traits = {**told.traits, **dict(self.settings.traits)}
            one = self._suited(self.inquiry.open(ref, traits, options), traits, options)
            self.waived[one.ref.name] = told.waivers
            if one.ref not in [other.ref for other in opened]:  # two may be suited into the same
                opened.append(one)
            telling.advance()
        known = {name for one in opened for name in one.described.known}
        for name in options:
            if name not in known:
                raise UsageError(
                    f"no subject accepts the option {name!r}; {did_you_mean(name, known, 'options')}"
                )
        return opened

    def _suited(self, one: Opened, traits: dict[str, Any], options: dict[str, str]) -> Opened:
        """The subject in the mode that reads what the given data holds, where it has one."""
        there = self.data.reads() if self.data is not None else []
        if not there or one.traits.reads in there:
            return one
        for kind in there:
            known = f"reads={kind}" in one.described.modes
            if known and "reads" not in options and "reads" not in one.ref.options:
                return self.inquiry.open(with_options(one.ref, {"reads": kind}), traits, options)
        return one

    def _check(self, lane: Inquiry, one: Opened, subject: Subject, telling: Telling) -> None:
        checked = self._recall(one.ref.name, CHECKS, Checked)
        if checked is None:
            name = one.ref.name

            def tell(scenario: str) -> None:
                with self.lock:
                    telling.step(f"{name}: {scenario}")

            shape, only = self.settings.check_shape(), self.settings.only
            checked = Checked(*lane.check(one, shape, only, tell, self.settings.spent.shrink_s))
            if lane.launcher.abandoned:
                return  # broken off: what its children say now is no verdict
            with self.lock:
                self._keep(name, CHECKS, checked)
        subject.checks = waivers.apply(checked.findings, self.waived[one.ref.name])
        subject.traits.observed = checked.observed
        with self.lock:
            telling.advance()

    def _corpus(self, telling: Telling) -> Corpus | None:
        """What is measured on; None if nothing is measured."""
        if not set(self.settings.parts) - {CHECKS}:
            return None
        if self.data is not None:
            return self.data
        from ..loaders.library_text import write_text_corpus

        telling.step("writing the text to measure on")
        return write_text_corpus(self.launcher.folder / "text", self.settings.spent.characters)

    def _measure(self, opened: list[Opened], measurer: Measurer, telling: Telling) -> None:
        parts = self.settings.parts
        if THROUGHPUT in parts:
            self._throughput(opened, measurer, telling)
        if SCALING in parts:
            self._scaling(opened, measurer, telling)
        if FEEDING in parts:
            self._feeding(opened, measurer, telling)
        if MEMORY in parts:
            self._memory(opened, measurer, telling)
        for one, subject in zip(opened, self.subjects, strict=True):
            if TRANSFER in parts:
                telling.step(f"{one.ref.name}: transfer")
                shape = self.settings.measured_shapes()[0]
                subject.transfer = [
                    self._recall(one.ref.name, TRANSFER, Transfer) or measurer.transfer(one, shape)
                ]
                self._keep(one.ref.name, TRANSFER, subject.transfer[0])
                telling.advance()

    def _throughput(self, opened: list[Opened], measurer: Measurer, telling: Telling) -> None:
        """Rows of all subjects at all shapes.

        Subjects are compared only within the same rounds, so a resumed run measures all of them
        anew unless all of them were done.
        """
        shapes = self.settings.measured_shapes()
        done = {one.ref.name: self._recall(one.ref.name, THROUGHPUT, Timed) for one in opened}
        if None in done.values():
            done = {one.ref.name: Timed([], []) for one in opened}
            for shape in shapes:
                found = measurer.throughput(opened, shape, telling.step)
                for name, (row, facts) in found.items():
                    timed = done[name]
                    assert timed is not None
                    timed.rows.append(row)
                    timed.facts.append(facts)
                telling.advance()
            for name, timed in done.items():
                self._keep(name, THROUGHPUT, timed)
        for subject in self.subjects:
            timed = done[subject.name]
            assert timed is not None
            subject.throughput = timed.rows
            measured = measured_findings(subject, timed.facts)
            subject.checks += waivers.apply(measured, self.waived[subject.name])
            strike(subject.throughput, subject.checks)

    def _scaling(self, opened: list[Opened], measurer: Measurer, telling: Telling) -> None:
        """Curves of the subjects whose throughput could be measured; like it, all anew or none."""
        done = {one.ref.name: self._recall(one.ref.name, SCALING, Scalings) for one in opened}
        if None in done.values():
            pairs = zip(opened, self.subjects, strict=True)
            tried = THROUGHPUT in self.settings.parts
            able = [one for one, its in pairs if not tried or any(row.tokens_per_s for row in its.throughput)]
            shape = self.settings.measured_shapes()[0]
            found = measure_scaling(measurer, able, shape, telling.step)
            done = {name: found.get(name, Scalings()) for name in done}
            for name, curves in done.items():
                self._keep(name, SCALING, curves)
        for subject in self.subjects:
            subject.scaling = done[subject.name].curves
            strike_scaling(subject.scaling, subject.checks)
        telling.advance()

    def _feeding(self, opened: list[Opened], measurer: Measurer, telling: Telling) -> None:
        """Feeding of all subjects at the first shape; like throughput, all in the same rounds or none."""
        done = {one.ref.name: self._recall(one.ref.name, FEEDING, Feedings) for one in opened}
        if None in done.values():
            shape, step_s = self.settings.measured_shapes()[0], (self.settings.step_time or 0.0) / 1e3
            done = measure_feeding(measurer, opened, shape, step_s, telling.step)
            for name, fed in done.items():
                self._keep(name, FEEDING, fed)
        for subject in self.subjects:
            fed = done[subject.name]
            subject.feeding = fed.rows
            broke = [facts for facts in fed.facts if facts.broke]
            if broke and not any(finding.id == "end.measured" for finding in subject.checks):
                found = measured_findings(subject, broke)
                subject.checks += waivers.apply(found, self.waived[subject.name])
            strike_feeding(subject.feeding, subject.checks)
        telling.advance()

    def _memory(self, opened: list[Opened], measurer: Measurer, telling: Telling) -> None:
        kept = {one.ref.name: self._recall(one.ref.name, MEMORY, Memory) for one in opened}
        todo = [one for one in opened if kept[one.ref.name] is None]
        found = measurer.memory(todo, telling.step)
        for name, verdict in found.items():
            self._keep(name, MEMORY, verdict)
        for subject in self.subjects:
            subject.memory = [found.get(subject.name) or kept[subject.name] or no_memory()]
        telling.advance()

    def _recall(self, subject: str, part: str, kind: type[Any]) -> Any:
        return self.journal.get(subject, part, kind) if self.journal else None

    def _keep(self, subject: str, part: str, value: Any) -> None:
        if self.journal is not None:
            self.journal.put(subject, part, value)

    def document(self, corpus: Corpus | None) -> Document:
        """The document of what there is by now, as it is when it is read again from its file."""
        document = Document(
            created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            exit_code=exit_code(self.subjects),
            seed=self.settings.seed,
            data=data_of(corpus),
            machine=describe_machine(),
            config={"command": self.settings.command, **self.settings.plain()},
            subjects=self.subjects,
            summary=summarise(self.subjects),
        )
        return decode(encode(document))
