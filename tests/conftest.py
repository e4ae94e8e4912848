"""Shared by all tests: one launcher, since its forking process takes a second or two to start."""

from __future__ import annotations

import json
import os
import shutil
import signal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from jsonschema import Draft202012Validator
from loadstone.reports import document

if TYPE_CHECKING:
    from collections.abc import Iterator

_encode = document.encode
_schema = Draft202012Validator(document.json_schema())


def _validated(made: document.Document) -> bytes:
    """Every document that a test makes into JSON is one of the schema."""
    data = _encode(made)
    _schema.validate(json.loads(data))
    return data


document.encode = _validated  # before anybody takes it from there

from loadstone.harness import listing, run, showing  # noqa: E402 - see the line above
from loadstone.harness.inquiry import Inquiry  # noqa: E402
from loadstone.harness.launch import Launcher  # noqa: E402

# Output is compared line by line, here and in programs the tests start: what the caller's environment
# wants of it must not show. A test of these settings makes its own.
for _name in ("CI", "NO_COLOR", "FORCE_COLOR", "GITHUB_STEP_SUMMARY", "GITHUB_ACTIONS", "COLUMNS"):
    os.environ.pop(_name, None)

# A shell's background job, as CI may run one, begins with Ctrl-C ignored, and so would every program that
# the tests start and interrupt. A handler, unlike being ignored, ends at `exec`: these begin as usual.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A required check must not fail at random: the same examples each time, however long a busy machine takes
# for one, unless somebody explores (`pytest --hypothesis-profile=default`).
settings.register_profile("same-examples", derandomize=True, deadline=None)
settings.load_profile("same-examples")


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    """Starts children, and has left none behind when the tests are over."""
    with Launcher() as launcher:
        launcher.start()
        yield launcher


@pytest.fixture(scope="session")
def inquiry(launcher: Launcher) -> Inquiry:
    """Asks subjects over the shared launcher; corpora are written once for the whole session."""
    return Inquiry(launcher, deadline_s=20.0)


class Kept:
    """A launcher that is used as if it were new, and goes on without what was written meanwhile."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._before = set(launcher.folder.iterdir())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._launcher, name)

    def __enter__(self) -> Kept:
        return self

    def __exit__(self, *_: object) -> None:
        for place in set(self._launcher.folder.glob("corpora-*")) - self._before:
            shutil.rmtree(place)  # the sparse corpus alone takes 130 MB of disk


@pytest.fixture
def quick_start(launcher: Launcher, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verbs called in this process use the shared launcher instead of starting their own."""
    for module in (run, showing, listing):
        monkeypatch.setattr(module, "Launcher", lambda: Kept(launcher))
    monkeypatch.setattr(run, "wanted", lambda _: 1)  # one launcher serves one lane
