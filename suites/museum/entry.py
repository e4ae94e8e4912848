"""What the museum says of an exhibit, and the decorators that enter one."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ...loaders.contract import loader
from ..resembling import address

PLANTED = "planted"  # the id of a defect that has no report in the collection
T = TypeVar("T", bound=Callable[..., Any])
Stated = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Entry:
    """One exhibit.

    Attributes:
        id: of the report in the collection (``A1``), or ``planted``.
        name: of the loader.
        source: address of the report; "" for a planted defect.
        checks: ids of the checks that must fail; none for a guard.
        factory: ``module:attribute``, a subject like any other.
        note: what goes wrong, in words.
        hangs: whether it waits for ever, so that each scenario costs a whole deadline.
    """

    id: str
    name: str
    source: str
    checks: tuple[str, ...]
    factory: str
    note: str
    hangs: bool = False

    @property
    def check(self) -> str:
        """The check that must catch it; of several, the first."""
        return self.checks[0]


ENTRIES: list[Entry] = []


def exhibit(
    id: str,  # noqa: A002 - as it is called in the collection
    *checks: str,
    stated: Stated,
    options: Stated | None = None,
    source: str = "",
    hangs: bool = False,
) -> Callable[[T], T]:
    """Enter a loader that states these traits and that these checks must catch.

    The address of the report comes from the table of reports, if it is in there.
    """

    def enter(factory: T) -> T:
        reference = f"{factory.__module__}:{factory.__qualname__}"
        note = inspect.cleandoc(factory.__doc__ or "")
        where = source or address(id)
        ENTRIES.append(Entry(id, factory.__name__, where, checks, reference, note, hangs))
        return loader(options=options, **stated)(factory)

    return enter


def guard(
    id: str,  # noqa: A002
    *,
    stated: Stated,
    options: Stated | None = None,
    source: str = "",
) -> Callable[[T], T]:
    """Enter a correct loader that looks suspicious."""
    return exhibit(id, stated=stated, options=options, source=source)
