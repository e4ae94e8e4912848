"""``loadstone gate``: is the head worse than the base? Each subject loaded from both, judged pair by pair."""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

from ..errors import EXIT_INTERRUPTED, SubjectError
from ..loaders.corpus import Corpus
from ..reports.document import Document, Finding, Gate, GateRow, Memory, Transfer, decode, encode
from ..suites.gating import alpha_each, interval, judge
from . import waivers
from .children import Child
from .configuration import Configuration
from .dueling import BASE, HEAD, SIDES, Broke, Duel
from .gating_contest import Contest
from .gating_limits import Limits
from .gating_rows import check_rows, leak_row, row, transfer_row, voided, waived_row
from .gating_sides import Sides
from .inquiry import Inquiry, Opened
from .machine import describe_machine
from .measuring import Measurer
from .settings import Settings
from .subjects import SubjectRef
from .telling import Telling


class Gating:
    """One gate over some subjects; use as a context manager, then :meth:`execute`.

    Args:
        settings: shape, seed, data, device, traits and options of the subjects.
        sides: where base and head come from.
        parts: which of checks, speed, leak, transfer are asked.
        configured: waivers, traits and limits of each subject, by its name.
        limits: of each subject, by its name.
        corpus: what is measured on; written when it is first needed.
    """

    def __init__(
        self,
        settings: Settings,
        sides: Sides,
        parts: Sequence[str],
        configured: Mapping[str, Configuration],
        limits: Mapping[str, Limits],
        corpus: Callable[[], Corpus],
    ) -> None:
        self.settings, self.sides, self.parts, self.corpus = settings, sides, tuple(parts), corpus
        self.configured, self.limits = configured, limits
        self.rows: list[GateRow] = []
        self.current: Contest | None = None
        self.order = random.Random(settings.seed)

    def __enter__(self) -> Gating:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.sides.close()

    @property
    def steps(self) -> int:
        """How many parts there are, for the progress bar."""
        return len(self.sides.refs)

    def execute(self, telling: Telling) -> Document:
        """Gate every subject, one after the other."""
        for ref in self.sides.refs:
            telling.step(f"{ref.name}: opening both sides")
            contest = self._open(ref)
            if contest is not None:
                self.current = contest
                self._gate(contest, telling)
                self.current = None
            telling.advance()
        return self.document()

    def _open(self, ref: SubjectRef) -> Contest | None:
        """The subject from both sides; a row that says so where the base has none."""
        told = self.configured[ref.name]
        opened: dict[str, Opened] = {}
        for name in (HEAD, BASE):  # what is wrong with the user's own tree is said first
            side = self.sides[name]
            traits = {**told.traits, **dict(self.settings.traits)}
            try:
                placed = side.place(ref)
                opened[name] = Inquiry(side.launcher).open(placed, traits, dict(self.settings.options))
            except Exception as error:
                if name == HEAD or not isinstance(error, (SubjectError, side.nothing)):
                    raise
                reason = f"not comparable: {side.title} cannot load it: {error}"
                self.rows.append(row(ref.name, "speed", "not_comparable", reason))
                return None
        return Contest(ref.name, opened, self.limits[ref.name], told.waivers)

    def _gate(self, contest: Contest, telling: Telling) -> None:
        void = ""
        if "checks" in self.parts and contest.limits.checks:
            found = {side: self._check(contest, side, telling) for side in (HEAD, BASE)}
            self.rows.append(check_rows(contest.name, found[BASE], found[HEAD]))
            void = voided(found[BASE], self.sides[BASE].title) or voided(found[HEAD], "it", newly=True)
        if "speed" in self.parts and contest.limits.timed():
            if void:
                self._void(contest, void)
            else:
                self._duel(contest, telling)
        if "leak" in self.parts and contest.limits.leak:
            base, head = (self._memory(contest, side, telling) for side in SIDES)
            self.rows.append(waived_row(leak_row(contest.name, base, head), contest.waived))
        if "transfer" in self.parts and contest.limits.transfer is not None:
            base_copy, head_copy = (self._transfer(contest, side) for side in SIDES)
            made = transfer_row(contest.name, base_copy, head_copy, contest.limits.transfer)
            self.rows.append(waived_row(made, contest.waived))

    def _void(self, contest: Contest, reason: str) -> None:
        outcome = "not_comparable" if reason.startswith("not comparable") else "skipped"
        self.rows.append(row(contest.name, "speed", outcome, reason))

    def _check(self, contest: Contest, side: str, telling: Telling) -> list[Finding]:
        inquiry = Inquiry(self.sides[side].launcher, self.settings.deadline_s, self.settings.memory_limit)

        def tell(scenario: str) -> None:
            telling.step(f"{contest.name}: checks of {side}: {scenario}")

        findings, _ = inquiry.check(contest.opened[side], self.settings.check_shape(), (), tell)
        return waivers.apply(findings, contest.waived)

    def _measurer(self, side: str) -> Measurer:
        return Measurer(self.sides[side].launcher, self.corpus(), self.settings)

    def _duel(self, contest: Contest, telling: Telling) -> None:
        """Pairs until everything timed is decided, or time is up."""
        unreadable = self._measurer(HEAD).unreadable(contest.opened[HEAD])
        if unreadable:
            self.rows.append(row(contest.name, "speed", "skipped", unreadable))
            return
        duel = Duel({side: self._beginning(contest, side) for side in SIDES}, self.order,
                    self.settings.deadline_s)  # fmt: skip
        contest.began = time.monotonic()
        try:
            while True:
                contest.pairs.append(duel.pair())
                contest.seconds = time.monotonic() - contest.began
                telling.step(f"{contest.name}: {contest.words()}")
                if self._decided(contest) or contest.seconds > contest.limits.seconds:
                    break
        except Broke as broke:
            contest.pairs.clear()
            self.rows.append(self._broken(contest, broke))
            return
        self.rows += self._timed_rows(contest)

    def _beginning(self, contest: Contest, side: str) -> Callable[[], Child]:
        measurer, opened = self._measurer(side), contest.opened[side]
        cpu = -1 if int(opened.described.options.get("workers", 0)) else measurer.cpu
        arguments = measurer.arguments(
            opened, *self.settings.measured_shapes()[0], cpu=cpu, fixed=opened.traits.shape == "fixed"
        )
        return lambda: self.sides[side].begin("turns", arguments, self.settings.memory_limit)

    def alpha(self, contest: Contest) -> float:
        """Error allowed for one end of an interval, so that all of the gate's hold together."""
        return alpha_each(
            contest.limits.confidence, sum(len(self.limits[r.name].timed()) for r in self.sides.refs)
        )

    def _decided(self, contest: Contest) -> bool:
        """Whether everything timed is decided; what is decided at this look is noted."""
        alpha, limits = self.alpha(contest), contest.limits.timed()
        found = {name: each for name, each in contest.samples().items() if each}
        for name, each in found.items():
            if name not in contest.settled and judge(each, limits[name], alpha) != "inconclusive":
                contest.settled[name] = len(each)
        return set(found) <= set(contest.settled)

    def _timed_rows(self, contest: Contest, interrupted: bool = False) -> list[GateRow]:
        rows = []
        for name, samples in contest.samples().items():
            limit = contest.limits.timed()[name]
            if not samples:
                rows.append(row(contest.name, name, "skipped", "this system does not tell", limit=limit))
                continue
            alpha = self.alpha(contest)
            verdict = judge(samples, limit, alpha)
            made = row(
                contest.name, name, verdict, limit=limit, found=interval(samples, alpha),
                pairs=contest.pairs[: len(samples)],
                samples=samples, seconds=contest.seconds, interrupted=interrupted,
            )  # fmt: skip
            rows.append(waived_row(made, contest.waived))
        return rows

    def _broken(self, contest: Contest, broke: Broke) -> GateRow:
        if broke.side == BASE:
            reason = f"not comparable: {self.sides[BASE].title} {broke.facts.reason}"
            return row(contest.name, "speed", "not_comparable", reason)
        if not broke.facts.broke:  # data that it cannot read
            return row(contest.name, "speed", "skipped", broke.facts.reason)
        return row(
            contest.name,
            "speed",
            "regressed",
            f"the head breaks where the base does not: {broke.facts.reason}",
        )

    def _memory(self, contest: Contest, side: str, telling: Telling) -> Memory:
        telling.step(f"{contest.name}: memory of {side}")
        return self._measurer(side).memory([contest.opened[side]])[contest.opened[side].ref.name]

    def _transfer(self, contest: Contest, side: str) -> Transfer:
        return self._measurer(side).transfer(contest.opened[side], self.settings.measured_shapes()[0])

    def document(self, *, interrupted: bool = False) -> Document:
        """The document of what there is by now, with what was under way told as inconclusive."""
        rows = list(self.rows)
        if interrupted and self.current is not None and self.current.pairs:
            known = {(one.subject, one.measure) for one in rows}
            begun = self._timed_rows(self.current, interrupted=True)
            rows += [one for one in begun if (one.subject, one.measure) not in known]
        confidence = min(one.confidence for one in self.limits.values())
        gate = Gate(base=self.sides.base, head=self.sides.head, confidence=confidence, rows=rows)
        return gate_document(self.settings, gate, interrupted=interrupted)


def gate_document(settings: Settings, gate: Gate, *, interrupted: bool = False) -> Document:
    """The document of a gate, as it is when it is read again from its file."""
    document = Document(
        created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        exit_code=EXIT_INTERRUPTED if interrupted else gate.exit_code(),
        seed=settings.seed,
        machine=describe_machine(),
        config={"command": settings.command, **settings.plain()},
        gate=gate,
    )
    return decode(encode(document))
