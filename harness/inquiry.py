"""Putting a subject through its scenarios, each in a child of its own, and judging the traces."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import itertools
import socket
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ..errors import SubjectError, UsageError
from ..loaders.traits import Traits
from ..reports.document import Finding
from ..suites.describing import follow_description, plan_description
from ..suites.evidence import Evidence
from ..suites.families import REGISTER, judge, matches
from ..suites.follow_ups import follow_up
from ..suites.inference import infer
from ..suites.scenario import Scenario
from ..suites.scenarios import Shape, plan
from ..suites.trace import Trace
from .agenda import hopeless, hung_there, next_group, state_before
from .answers import Described, Found
from .corpora import Corpora
from .launch import Launcher
from .recording import Recording, gather
from .shrinking import Shrinker
from .subjects import SubjectRef

_DEVICE = msgspec.msgpack.Decoder(Found)
_DESCRIBED = msgspec.msgpack.Decoder(Described)
SMALL_DEADLINE_S = 3.0
IMPORT_DEADLINE_S = 60.0  # some libraries take ten seconds to import on a busy machine


@dataclasses.dataclass(frozen=True)
class Opened:
    """A subject that could be imported, and what it states under the given options."""

    ref: SubjectRef
    described: Described

    @property
    def traits(self) -> Traits:
        """The stated traits (those that are plain data)."""
        plain = {k: v for k, v in self.described.traits.items() if k != "buffered"}
        return Traits(**plain)


class Inquiry:
    """Asks subjects: describes them, records their scenarios, judges."""

    def __init__(self, launcher: Launcher, deadline_s: float = 20.0, memory_limit: int = 0) -> None:
        self.launcher, self.deadline_s, self.memory_limit = launcher, deadline_s, memory_limit
        # a folder of its own: two inquiries over one launcher must not write each other's files anew
        self.corpora = Corpora(Path(tempfile.mkdtemp(prefix="corpora-", dir=launcher.folder)))

    def require_device(self, device: str) -> None:
        """Refuse a device that is not there; raises :class:`~loadstone.errors.UsageError`."""
        if device == "cpu":
            return
        child = self.launcher.fork("devices", {"device": device})
        frames = list(child.frames(IMPORT_DEADLINE_S))
        problem = _DEVICE.decode(frames[0]).problem if frames else f"asking for it failed: {child.fate()}"
        if problem:
            raise UsageError(f"there is no device {device!r} here ({problem}); omit --device, or use cpu.")

    def open(self, ref: SubjectRef, traits: Mapping[str, Any], options: Mapping[str, Any]) -> Opened:
        """Import a subject in a child and learn what it states.

        Raises:
            SubjectError: it cannot be imported, or its import does not end.
        """
        arguments = {"subject": plain(ref), "traits": dict(traits), "options": dict(options)}
        child = self.launcher.fork("describe", arguments)
        frames = list(child.frames(IMPORT_DEADLINE_S))
        if not frames and child.late:
            raise SubjectError(
                f"importing {ref.name} did not end within {IMPORT_DEADLINE_S:g} s; "
                "does the module wait for something, or do its work when it is imported?"
            )
        if not frames:
            raise SubjectError(
                f"importing {ref.name} ended its process ({child.fate()}); "
                f"{child.last_line() or 'it said nothing'}"
            )
        described = _DESCRIBED.decode(frames[0])
        if described.error:
            raise SubjectError(described.error)
        return Opened(ref, described)

    def record(self, ref: SubjectRef, scenario: Scenario, state: bytes = b"") -> Trace:
        """Put a subject through one scenario; whatever happens, there is a trace."""
        return self.record_together(ref, [scenario], [state])[0]

    def record_together(
        self,
        ref: SubjectRef,
        scenarios: Sequence[Scenario],
        states: Sequence[bytes] = (),
        deadline_s: float | None = None,
    ) -> list[Trace]:
        """Put a subject through scenarios that run at the same time, as the ranks of one training do."""
        port = str(_free_port()) if len(scenarios) > 1 else ""
        begun = [
            self._begin(ref, scenario, state, port)
            for scenario, state in itertools.zip_longest(scenarios, states, fillvalue=b"")
        ]
        gather(begun, deadline_s or self.deadline_s)
        return [recording.finish() for recording in begun]

    def _begin(self, ref: SubjectRef, scenario: Any, state: bytes, port: str) -> Recording:
        corpus = self.corpora.get(scenario.corpus)
        arguments = {
            "subject": plain(ref),
            "scenario": plain(scenario),
            "corpus": str(corpus.folder),
            "state": self._keep(state),
        }
        env = rank_env(scenario.config, port)
        limit = scenario.memory or self.memory_limit
        launcher = self.launcher.exact if scenario.exact else self.launcher
        child = launcher.fork("record", arguments, env=env, memory_limit=limit)
        return Recording(child, Trace(scenario))

    def _keep(self, state: bytes) -> str:
        """A state as a file for the child that loads it; it may be larger than a message."""
        if not state:
            return ""
        path = self.launcher.folder / f"state-{hashlib.sha256(state).hexdigest()[:16]}"
        path.write_bytes(state)
        return str(path)

    def check(
        self,
        opened: Opened,
        shape: Shape,
        only: Iterable[str] = (),
        tell: Callable[[str], None] = lambda _: None,
        shrink_s: float = 0.0,
    ) -> tuple[list[Finding], dict[str, Any]]:
        """Findings of the selected checks and the observed traits of one subject.

        ``shrink_s`` seconds at most are spent on the smallest counterexamples of what failed.
        """
        described, only = opened.described, tuple(only)
        wanted = {name for one in REGISTER.values() if matches(one.id, only) for name in one.needs}
        wanted |= {"pass"}  # what is observed comes from the main pass
        traces = self._record_all(
            opened.ref,
            plan(opened.traits, described.options, described.known, shape),
            lambda scenario, trace: follow_up(opened.traits, shape, scenario, trace),
            lambda scenario: not only or bool(wanted & {scenario.name, scenario.of}),
            tell,
        )
        if "pass" in traces:
            traces["pass"].notes["source_changed"] = self.corpora.changed()
        findings = judge(Evidence(opened.traits, traces, described.stated), only)
        if shrink_s and not self.launcher.abandoned and not hopeless(traces):
            tell("the smallest counterexample")
            ask = functools.partial(self._again, opened.ref)
            Shrinker(ask, opened.traits, described.stated, traces).add(findings, shrink_s)
        return findings, infer(traces)

    def _again(self, ref: SubjectRef, scenarios: Sequence[Scenario]) -> list[Trace]:
        """Record scenarios that were made smaller, and so ought to end sooner."""
        if scenarios[0].together:
            return self.record_together(ref, scenarios, deadline_s=SMALL_DEADLINE_S)
        return [self.record_together(ref, [one], deadline_s=SMALL_DEADLINE_S)[0] for one in scenarios]

    def describe(
        self, opened: Opened, shape: Shape, tell: Callable[[str], None] = lambda _: None
    ) -> tuple[dict[str, Any], str]:
        """What one subject does, whatever it states; and how its main pass broke, if it did."""
        described = opened.described
        traces = self._record_all(
            opened.ref,
            plan_description(described.options, described.known, shape),
            lambda scenario, trace: follow_description(shape, scenario, trace),
            lambda _: True,
            tell,
        )
        trace = traces.get("pass")
        return infer(traces), trace.fate() if trace is not None and trace.broke else ""

    def _record_all(
        self,
        ref: SubjectRef,
        todo: list[Scenario],
        follow: Callable[[Scenario, Trace], list[Scenario]],
        wanted: Callable[[Scenario], bool],
        tell: Callable[[str], None],
    ) -> dict[str, Trace]:
        """Record scenarios and what follows from them, until there is no more hope in it."""
        traces: dict[str, Trace] = {}
        while todo:
            group = next_group(todo)
            if not wanted(group[0]) or hung_there(group[0], traces):
                continue
            tell(group[0].name)
            for trace in self._ask(ref, group, traces):
                traces[trace.scenario.name] = trace
                todo += follow(trace.scenario, trace)
            if hopeless(traces):
                break
        return traces

    def _ask(self, ref: SubjectRef, group: list[Scenario], traces: Mapping[str, Trace]) -> list[Trace]:
        """Record scenarios, each from the state it begins with; none where there is no such state."""
        states = [state_before(scenario, traces) for scenario in group]
        ready = [(one, state) for one, state in zip(group, states, strict=True) if state is not None]
        if not ready:
            return []
        return self.record_together(ref, [one for one, _ in ready], [state for _, state in ready])


def rank_env(config: Mapping[str, Any], port: str = "") -> dict[str, str]:
    """The environment many libraries read their rank from, as torchrun sets it."""
    rank, world = str(config.get("rank", 0)), str(config.get("world_size", 1))
    env = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "LOCAL_WORLD_SIZE": world}
    return env | ({"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port} if port else {})


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def plain(value: Any) -> Any:
    """A struct as plain data."""
    return msgspec.to_builtins(value)
