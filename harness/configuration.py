"""What a repository says in ``[tool.loadstone]`` of its pyproject.toml: waivers, traits, limits.

Read is the nearest ``pyproject.toml`` above the file of a subject, above the current folder for a
subject that is no file: what is known to fail there is said where the loader lives.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..errors import TraitError, UsageError, did_you_mean
from ..loaders.traits import Traits
from .gating_limits import read_limits
from .subjects import SubjectRef
from .waivers import Waiver, read_waivers

FILE = "pyproject.toml"
TABLES = ("waivers", "traits", "gate")


@dataclasses.dataclass(frozen=True)
class Configuration:
    """What holds for one subject; empty where there is no file, or nothing in it.

    Attributes:
        path: the file; None for none.
        waivers: those that speak of this subject.
        traits: stated there; they come after the decorator's and before the command line's.
        gate: limits of ``loadstone gate``, as :mod:`~loadstone.harness.gating_limits` reads them.
    """

    path: Path | None = None
    waivers: tuple[Waiver, ...] = ()
    traits: dict[str, Any] = dataclasses.field(default_factory=dict)
    gate: dict[str, Any] = dataclasses.field(default_factory=dict)


def configure(refs: Iterable[SubjectRef]) -> dict[str, Configuration]:
    """The configuration of each subject by its name; each file is read once.

    Raises:
        UsageError: a file that cannot be read, or says what it may not.
    """
    read: dict[Path | None, Configuration] = {None: Configuration()}
    found = {}
    for ref in refs:
        path = nearest(folder_of(ref))
        if path is not None and path not in read:
            read[path] = load(path)
        found[ref.name] = _of_subject(read[path], ref)
    return found


def folder_of(ref: SubjectRef) -> Path:
    """From where the search for a file begins."""
    if ref.origin == "file" or (ref.origin == "object" and ref.module):
        return Path(ref.module).parent
    return Path.cwd()


def nearest(folder: Path) -> Path | None:
    """The nearest ``pyproject.toml`` in a folder or above it."""
    places = (place / FILE for place in (folder.absolute(), *folder.absolute().parents))
    return next((path for path in places if path.is_file()), None)


def load(path: Path) -> Configuration:
    """Read one file; raises :class:`~loadstone.errors.UsageError`."""
    try:
        whole = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {' '.join(str(error).split())}; correct it.") from None
    told = _table(whole.get("tool", {}).get("loadstone", {}), f"[tool.loadstone] of {path}")
    for name in told:
        if name not in TABLES:
            hint = did_you_mean(name, TABLES, "tables")
            raise UsageError(f"{path} has [tool.loadstone.{name}], which is nothing known; {hint}")
    waivers = _table(told.get("waivers", {}), f"[tool.loadstone.waivers] of {path}")
    traits = _table(told.get("traits", {}), f"[tool.loadstone.traits] of {path}")
    gate = _table(told.get("gate", {}), f"[tool.loadstone.gate] of {path}")
    read_limits(gate, f"[tool.loadstone.gate] of {path}")
    try:
        Traits().replace(traits)
    except TraitError as error:
        raise TraitError(f"[tool.loadstone.traits] of {path}: {error}") from None
    return Configuration(path, tuple(read_waivers(waivers, path)), traits, gate)


def _table(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{what} is {value!r}, no table; write name = value lines under it.")
    return value


def _of_subject(whole: Configuration, ref: SubjectRef) -> Configuration:
    """What speaks of one subject; a repository states no traits of what it did not write."""
    waivers = tuple(one for one in whole.waivers if one.speaks_of(ref))
    traits = {} if ref.origin == "built-in" else whole.traits
    return Configuration(whole.path, waivers, traits, whole.gate)
