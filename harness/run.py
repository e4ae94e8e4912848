"""The main job: open the subjects, check them, measure them, and put it all into one document."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import msgspec

from ..errors import NothingSelectedError, UsageError, did_you_mean
from ..loaders.corpus import Corpus
from ..loaders.real_data import open_data, require_window
from ..reports.answers import exit_code, summarise
from ..reports.document import (
    Document,
    Finding,
    Subject,
    decode,
    encode,
)
from ..suites.families import REGISTER, matches
from . import waivers
from .configuration import configure
from .documenting import data_of, subject_of
from .inquiry import Inquiry, Opened
from .journal import Journal, NoJournal
from .lanes import side_by_side, wanted
from .launch import Launcher
from .machine import describe_machine
from .measured_parts import MeasuredParts
from .measuring import Measurer
from .settings import CHECKS, MEMORY, THROUGHPUT, TRANSFER, Settings
from .subjects import SubjectRef, select, with_options
from .telling import Telling


class Checked(msgspec.Struct):
    """What the checks of one subject gave, as the journal keeps it."""

    findings: list[Finding]
    observed: dict[str, Any]


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
        self.journal: Journal | NoJournal = NoJournal()
        self.subjects: list[Subject] = []

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for lane in self.lanes if not self.lent else []:
            lane.launcher.__exit__(kind, error, trace)
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
            measurer = Measurer(self.launcher, corpus, self.settings)
            MeasuredParts(measurer, self.subjects, self.waived, self.journal, telling).measure(opened)
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
        checked = self.journal.get(one.ref.name, CHECKS, Checked)
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
                self.journal.put(name, CHECKS, checked)
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
