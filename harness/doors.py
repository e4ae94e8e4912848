"""Doors for Python and pytest over the same checks as the command line.

document = loadstone.check(my_loader, batch_size=8)

@loadstone.parametrize_with_checks([my_loader, "memmap_persistent"])
def test_loader(check):
    check()
"""

from __future__ import annotations

import fcntl
import itertools
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import LoadstoneError, UsageError
from ..loaders.traits import Traits
from . import here
from .subjects import SubjectRef
from .words import memory_size

if TYPE_CHECKING:
    from ..reports.document import Document, Finding
    from .settings import Settings

Subject = Callable[..., Any] | str
SHARED = "LOADSTONE_PYTEST_SHARED"  # names the folder that the workers of one pytest session share


class _Silence:
    """Where the progress of a call goes: nowhere."""

    def step(self, text: str) -> None:
        """Say nothing."""

    def advance(self, n: int = 1) -> None:
        """Count nothing."""


def check(
    factory: Subject,
    *,
    batch_size: int | None = None,
    seq_len: int | None = None,
    seed: int = 1337,
    deadline: float = 20.0,
    memory_limit: str | None = None,
    traits: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    only: str | Iterable[str] = (),
) -> Document:
    """Ask a loader every check; the document says what was found.

    Args:
        factory: a function ``(corpus, config)`` that returns an iterable of batches, wherever it was
            defined, or a subject as the command line takes it. It runs in child processes only.
        batch_size: B, 4 unless given.
        seq_len: T, 16 unless given.
        seed: base of all randomness.
        deadline: seconds a scenario may take.
        memory_limit: what the loader may take, such as ``"2GiB"``.
        traits: what it promises, besides what its decorator states.
        options: values for ``config.options``.
        only: ids or families of checks.

    Raises:
        UsageError: something given that cannot be used; a loader that is wrong raises nothing.
    """
    from .settings import Settings

    Traits().replace(traits or {})  # refuses what does not exist
    settings = Settings(
        parts=("checks",),
        batch_size=batch_size,
        seq_len=seq_len,
        seed=seed,
        deadline_s=deadline,
        memory_limit=memory_size(memory_limit),
        traits=tuple((traits or {}).items()),
        options=tuple((options or {}).items()),
        only=(only,) if isinstance(only, str) else tuple(only),
        command="loadstone.check(...)",
    )
    ref = here.reference(factory)
    try:
        return _execute(ref, settings)
    finally:
        here.release(ref)


def _execute(ref: SubjectRef, settings: Settings) -> Document:
    from .run import Run

    with here.launcher_for(ref) as launcher, Run(settings, [ref], launcher) as job:
        return job.execute(_Silence())


class Recorded:
    """One subject of a test session: recorded when it is first asked for, then only looked up.

    The workers of pytest-xdist collect the same tests in the same order, so a subject has one number
    in all of them, and the first that asks records it for the others.
    """

    _numbers = itertools.count()

    def __init__(self, subject: Subject, settings: Mapping[str, Any]) -> None:
        self.subject, self.settings, self.number = subject, settings, next(self._numbers)
        self.name = _short_name(subject)
        self._found: dict[str, Finding] | LoadstoneError | None = None
        self.stale: list[str] = []

    def finding(self, id: str) -> Finding:  # noqa: A002
        """What a check found; raises again what kept the subject from being recorded."""
        if self._found is None:
            try:
                (told,) = self._document().subjects
            except LoadstoneError as error:
                self._found = error
            else:
                self._found, self.stale = {one.id: one for one in told.checks}, told.stale()
        if isinstance(self._found, LoadstoneError):
            raise type(self._found)(str(self._found)) from None
        return self._found[id]

    def _document(self) -> Document:
        folder = Path(os.environ.get(SHARED, "/nowhere"))
        if not folder.is_dir():
            return check(self.subject, **self.settings)
        from ..reports.document import encode, load

        kept = folder / f"{self.number}.json"
        with kept.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if kept.exists():
                return load(kept)
            document = check(self.subject, **self.settings)
            kept.write_bytes(encode(document))
        return document


def _short_name(subject: Subject) -> str:
    """The name in test ids: of a file or a module the factory alone."""
    if isinstance(subject, str):
        target, bracket, options = subject.strip().partition("[")
        return Path(target).name.rpartition(":")[2] + bracket + options
    inner = getattr(subject, "func", subject)
    return getattr(inner, "__name__", type(subject).__name__).strip("<>")


class Asked:
    """One check of one subject, as a test calls it."""

    def __init__(self, recorded: Recorded, id: str) -> None:  # noqa: A002
        self.recorded, self.id = recorded, id

    def __call__(self) -> None:
        """Pass, skip, be expected to fail, or raise AssertionError with what was found."""
        __tracebackhide__ = True
        import pytest

        finding = self.recorded.finding(self.id)
        if finding.verdict == "skip":
            pytest.skip(finding.reason)
        if finding.verdict == "waived":
            pytest.xfail(finding.reason)
        if finding.verdict != "pass":
            raise AssertionError(failure(finding))

    @property
    def stale(self) -> bool:
        """Whether it passes although it is waived; known once it was called."""
        return self.id in self.recorded.stale

    def __repr__(self) -> str:
        return f"<{self.id} of {self.recorded.name}>"


def failure(finding: Finding) -> str:
    """What a failed check has to say: reason, cause, what it resembles, evidence."""
    from ..reports.digest import evidence_text

    head = f"{finding.id}: " if finding.verdict == "fail" else f"{finding.id} stays {finding.verdict}: "
    parts = [
        head + finding.reason,
        finding.diagnosis and f"cause: {finding.diagnosis}",
        finding.smallest and f"smallest: {finding.smallest}",
        finding.resembles and f"resembles: {finding.resembles}",
        evidence_text({name: value for name, value in finding.evidence.items() if value not in ("", None)}),
    ]
    return "\n".join(filter(None, parts))


def asked(subject: Subject, settings: Mapping[str, Any]) -> list[Asked]:
    """All checks of one subject; it is recorded when the first of them is called."""
    from ..suites.families import REGISTER, matches

    only = settings.get("only", ())
    only = (only,) if isinstance(only, str) else tuple(only)
    recorded = Recorded(subject, settings)
    return [Asked(recorded, id) for id in REGISTER if matches(id, only)]  # noqa: A001


def parametrize_with_checks(subjects: Iterable[Subject], **settings: Any) -> Any:
    """A pytest decorator: one test for each check of each subject; the test takes ``check``, and calls it.

    Args:
        subjects: factories, or subjects as the command line takes them.
        **settings: as for :func:`check`.

    Raises:
        UsageError: a string where a list of subjects is meant, or no subject at all.
    """
    import pytest

    subjects = [] if isinstance(subjects, str) else list(subjects)
    if not subjects:
        raise UsageError("parametrize_with_checks takes a list of subjects: [my_loader, 'in_memory'].")
    parameters = []
    for subject in subjects:
        parameters += [
            pytest.param(one, id=f"{one.id}-{one.recorded.name}") for one in asked(subject, settings)
        ]
    return pytest.mark.parametrize("check", parameters)
