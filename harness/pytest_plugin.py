"""The pytest plugin: ``pytest --loadstone SUBJECT`` adds one test for each check; else it does nothing.

Loaded by every pytest of an environment that has Loadstone installed, so nothing but pytest itself
is imported until it is asked for.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .doors import Asked

SHARED = "LOADSTONE_PYTEST_SHARED"  # as doors.py reads it
STALE = "loadstone_stale_waiver"  # under which a report carries it, from worker to controller too


def pytest_addoption(parser: pytest.Parser) -> None:
    """One group, one flag, and its twin in the settings."""
    group = parser.getgroup("loadstone", "checks of LLM training data loaders")
    group.addoption(
        "--loadstone",
        action="append",
        default=[],
        metavar="SUBJECT",
        help="Add one test for each check of this loader; may be given several times.",
    )
    parser.addini("loadstone", "Loaders to add the checks of, one a line.", type="linelist", default=[])


def pytest_configure(config: pytest.Config) -> None:
    """Switch on if there are subjects, and refuse those that do not exist."""
    if not hasattr(config, "workerinput"):  # a worker of pytest-xdist has its controller's
        _share(config)
    config.pluginmanager.register(Waivers(), "loadstone_waivers")
    subjects = list(dict.fromkeys([*config.getini("loadstone"), *config.getoption("--loadstone")]))
    if subjects:
        from ..errors import UsageError
        from .subjects import find

        try:
            for subject in subjects:
                find(subject)
        except UsageError as error:
            raise pytest.UsageError(f"--loadstone: {error}") from None
        config.pluginmanager.register(Adding(subjects), "loadstone_adding")


def _share(config: pytest.Config) -> None:
    """Give the workers of pytest-xdist a folder, so that one of them records and all of them judge."""
    _unshare()
    if config.getoption("dist", "no") != "no":
        folder = tempfile.TemporaryDirectory(prefix="loadstone-pytest-")
        os.environ[SHARED] = folder.name
        config.add_cleanup(folder.cleanup)
        config.add_cleanup(_unshare)


def _unshare() -> None:
    os.environ.pop(SHARED, None)


class Waivers:
    """Waivers of checks that pass, told at the end whichever door the checks came through."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Note on the test that its waiver is stale."""
        result = yield
        given = getattr(getattr(item, "callspec", None), "params", {}).get("check")
        called: Any = getattr(item, "asked", given)
        if getattr(called, "stale", False) is True:
            item.user_properties.append((STALE, f"{called.recorded.name}: {called.id}"))
        return result

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """One line for each stale waiver."""
        for report in terminalreporter.stats.get("passed", []):
            for name, told in getattr(report, "user_properties", []):
                if name == STALE:
                    terminalreporter.write_line(f"loadstone: stale waiver of {told}: passes now, take it out")


class Adding:
    """What happens in a session that was asked to check subjects."""

    def __init__(self, subjects: list[str]) -> None:
        self.subjects = subjects

    def pytest_report_header(self) -> str:
        """Which subjects, in one line."""
        from .. import __version__
        from ..suites.families import REGISTER

        return f"loadstone {__version__}: {len(REGISTER)} checks of {', '.join(self.subjects)}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Add the checks, before -k and -m choose."""
        for subject in self.subjects:
            node = Checks.from_parent(session, name=subject, nodeid=f"loadstone/{subject}")
            items.extend(session.genitems(node))


class Checks(pytest.Collector):
    """All checks of one subject."""

    def collect(self) -> Iterator[pytest.Item]:
        """One item for each check."""
        from .doors import asked

        for one in asked(self.name, {}):
            name = f"{one.id}-{one.recorded.name}"
            yield CheckItem.from_parent(self, name=name, nodeid=f"{self.nodeid}::{name}", asked=one)


class CheckItem(pytest.Item):
    """One check of one subject."""

    def __init__(self, *, asked: Asked, **given: Any) -> None:
        super().__init__(**given)
        self.asked = asked

    def runtest(self) -> None:
        """Ask."""
        self.asked()

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What was found, without our own trace."""
        from ..errors import LoadstoneError

        if excinfo.errisinstance((AssertionError, LoadstoneError)):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """Under which heading it is shown."""
        return self.nodeid.partition("::")[0], None, f"{self.asked.id} of {self.asked.recorded.name}"
