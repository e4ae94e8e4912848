"""Asking subjects in tests: one launcher and one inquiry, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from loadstone.harness.inquiry import Inquiry
from loadstone.harness.launch import Launcher
from loadstone.harness.subjects import find
from loadstone.reports.document import Finding
from loadstone.suites.scenarios import Shape

DEADLINE_S = 8.0  # what hangs costs this much; what does not takes a tenth of it


@pytest.fixture(scope="session")
def inquiry() -> Iterator[Inquiry]:
    with Launcher() as launcher:
        yield Inquiry(launcher, deadline_s=DEADLINE_S)


def findings(
    inquiry: Inquiry, subject: str, shape: Shape | None = None, only: Sequence[str] = ()
) -> list[Finding]:
    ref = find(subject)
    return inquiry.check(inquiry.open(ref, {}, ref.options), shape or Shape(), only=only)[0]


def failed(found: Sequence[Finding]) -> dict[str, str]:
    """Checks that failed or broke, with what they said."""
    return {
        f.id: f"{f.verdict}: {f.reason} | {f.diagnosis}" for f in found if f.verdict in ("fail", "unknown")
    }
