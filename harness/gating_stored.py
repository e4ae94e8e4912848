"""A run against a stored document: only on the machine it was made on, and only in shares of the limit."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from ..errors import UsageError
from ..reports.document import Document, Gate, GateRow, Revision, Subject, Throughput, load
from ..suites.gating import stored_interval, verdict_of
from .configuration import Configuration
from .gating import gate_document
from .gating_limits import Limits
from .gating_rows import check_rows, leak_row, row, share_row, waived_row
from .launch import Launcher
from .machine import describe_machine
from .run import Run
from .settings import Settings
from .subjects import SubjectRef
from .telling import Telling

PARTS = {"checks": "checks", "speed": "throughput", "leak": "memory"}


class StoredGating:
    """Measures subjects as the stored run did, then compares; use as a context manager.

    Args:
        settings: of this run; shape and effort become those of the stored one.
        refs: the subjects.
        path: the stored document.
        parts: which of checks, speed, leak are asked.
        configured: waivers of each subject, by its name.
        limits: of each subject, by its name.

    Raises:
        DataError: no document.
        UsageError: a document that holds no run, or nothing of these subjects.
    """

    def __init__(
        self,
        settings: Settings,
        refs: Sequence[SubjectRef],
        path: Path,
        parts: Sequence[str],
        configured: Mapping[str, Configuration],
        limits: Mapping[str, Limits],
        launcher: Launcher | None = None,
    ) -> None:
        self.stored, self.refs, self.limits, self.configured = load(path), list(refs), limits, configured
        self.lent = launcher
        if self.stored.gate is not None or not self.stored.subjects:
            raise UsageError(
                f"{path} holds no run to compare with; give the results.json of `loadstone run`."
            )
        self.base = Revision(name=str(path), title=f"made {self.stored.created}")
        self.head = Revision(name="this run")
        self.settings = self._like_the_stored(settings, parts)
        self.rows: list[GateRow] = []

    def __enter__(self) -> StoredGating:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    @property
    def steps(self) -> int:
        """How many parts there are, for the progress bar."""
        return len(self.refs) * (1 + len(self.settings.parts))

    def _like_the_stored(self, settings: Settings, parts: Sequence[str]) -> Settings:
        """Only what both can tell is measured, at the shape, effort and seed of the stored run."""
        told = self.stored.config
        there = {
            "checks": any(one.checks for one in self.stored.subjects),
            "speed": any(one.throughput for one in self.stored.subjects),
            "leak": any(one.memory for one in self.stored.subjects),
        }
        wanted = tuple(PARTS[part] for part in parts if there.get(part))
        if not wanted:
            raise UsageError(f"{self.base.name} holds none of what is asked for: {', '.join(parts)}.")
        same = {name: told[name] for name in ("batch_size", "seq_len", "effort", "seed") if name in told}
        return dataclasses.replace(settings, parts=wanted, folder=None, **same)

    def differing(self) -> dict[str, tuple[Any, Any]]:
        """The fields in which the machines differ, stored and now."""
        then, now = self.stored.machine.identity, describe_machine().identity
        names = sorted({*then, *now})
        return {name: (then.get(name), now.get(name)) for name in names if then.get(name) != now.get(name)}

    def execute(self, telling: Telling) -> Document:
        """Measure now what was measured then, and compare; or say why it cannot be compared."""
        differing = self.differing()
        if differing:
            words = ", ".join(
                f"{name} {then!r} then and {now!r} now" for name, (then, now) in differing.items()
            )
            reason = f"not comparable: made on another machine: {words}"
            self.rows += [row(ref.name, "speed", "not_comparable", reason) for ref in self.refs]
            return self.document()
        with Run(self.settings, self.refs, self.lent) as run:
            now = run.execute(telling)
        fingerprints = [one.data.get("fingerprint") for one in (self.stored, now)]
        for subject in now.subjects:
            then = next((one for one in self.stored.subjects if one.name == subject.name), None)
            if then is None:
                known = ", ".join(one.name for one in self.stored.subjects)
                reason = f"not comparable: it is not in {self.base.name}, which holds {known}"
                self.rows.append(row(subject.name, "speed", "not_comparable", reason))
            elif then.options != subject.options:
                reason = f"not comparable: options were {then.options} and are {subject.options}"
                self.rows.append(row(subject.name, "speed", "not_comparable", reason))
            else:
                self._compare(then, subject, same_data=fingerprints[0] == fingerprints[1])
        return self.document()

    def _compare(self, then: Subject, now: Subject, *, same_data: bool) -> None:
        limits = self.limits.get(now.name, Limits())
        waived = self.configured[now.name].waivers if now.name in self.configured else ()
        if then.checks and now.checks and limits.checks:
            self.rows.append(check_rows(now.name, then.checks, now.checks))  # waived by the run already
        if then.throughput and now.throughput and limits.stored is not None:
            if same_data:
                made = [self._speed(now.name, then.throughput, one, limits) for one in now.throughput]
            else:
                made = [row(now.name, "speed", "not_comparable", "not comparable: measured on other data")]
            self.rows += [waived_row(one, waived) for one in made]
        if then.memory and now.memory and limits.leak:
            self.rows.append(waived_row(leak_row(now.name, then.memory[0], now.memory[0]), waived))

    def _speed(self, name: str, stored: Sequence[Throughput], now: Throughput, limits: Limits) -> GateRow:
        shape = (now.batch_size, now.seq_len)
        then = next((one for one in stored if (one.batch_size, one.seq_len) == shape), None)
        shares = [shares_of(one) for one in (then, now) if one is not None]
        if then is None or not all(shares):
            reason = f"not comparable: no rounds at {shape[0]} x {shape[1]} on both sides"
            return row(name, "speed", "not_comparable", reason)
        void = now.struck_by or then.struck_by
        if void:
            return row(name, "speed", "not_comparable", f"not comparable: void, for it fails {void}")
        assert limits.stored is not None
        found = stored_interval(shares[0], shares[1], limits.confidence)
        return share_row(name, verdict_of(found, limits.stored), limits.stored, found, shares)

    def document(self, *, interrupted: bool = False) -> Document:
        """The document of what there is by now."""
        confidence = min(one.confidence for one in self.limits.values())
        gate = Gate(base=self.base, head=self.head, confidence=confidence, rows=self.rows)
        return gate_document(self.settings, gate, interrupted=interrupted)


def shares_of(throughput: Throughput) -> list[float]:
    """Each round's rate as a share of the copy limit measured in the same round."""
    rates, limits = throughput.samples_tokens_per_s, throughput.limit_samples_tokens_per_s
    return [rate / limit for rate, limit in zip(rates, limits, strict=False) if limit]
