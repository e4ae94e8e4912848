"""What ``loadstone gate`` does with the words of its command line."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..loaders.corpus import Corpus
from ..loaders.real_data import open_data
from .configuration import Configuration, configure
from .gating import Gating
from .gating_limits import Limits, read_limits
from .gating_sides import Sides, require_python, revisions, subjects
from .gating_stored import StoredGating
from .launch import Launcher
from .settings import Settings
from .subjects import find, select

PARTS = ("checks", "speed", "leak", "transfer")


@dataclasses.dataclass(frozen=True, kw_only=True)
class GateWords:
    """What is asked of a gate, beside the settings that all verbs share.

    Attributes:
        against: a revision.
        other: a subject to compare with instead.
        base_python: interpreter of the base's own environment; None for the same.
        prepare: a command that makes the base's tree ready.
        limits: NAME=VALUE, over what the repository says.
        only: parts that are asked; all where empty.
    """

    against: str = ""
    other: str = ""
    base_python: Path | None = None
    prepare: str = ""
    limits: tuple[str, ...] = ()
    only: tuple[str, ...] = ()

    def parts(self, device: str) -> tuple[str, ...]:
        """What is asked: without a device there is no transfer to speak of."""
        return self.only or tuple(part for part in PARTS if part != "transfer" or device != "cpu")


def gate_words(given: dict[str, Any]) -> GateWords:
    """Take what only a gate knows out of the words of the command line."""
    return GateWords(**{field.name: given.pop(field.name) for field in dataclasses.fields(GateWords)})


def begin(settings: Settings, words: GateWords, launcher: Launcher | None = None) -> Gating | StoredGating:
    """A gate that is ready to execute.

    Raises:
        UsageError: words, subjects or revisions that cannot be used.
        NoBase: the base cannot be made ready.
    """
    settings.validate()
    refs = select(settings.subjects)
    if bool(words.against) == bool(words.other):
        raise UsageError("say what to compare with: --against REV or FILE, or --against-subject SUBJECT.")
    if words.base_python is not None:
        require_python(words.base_python)
    configured = configure(refs)
    limits = limits_of(configured, words.limits)
    file = Path(words.against)
    if words.against and file.is_file():
        parts = words.parts("cpu")
        return StoredGating(settings, refs, file, parts, configured, limits, launcher)
    if words.other:
        sides = subjects(refs, find(words.other), words.base_python, launcher)
    else:
        sides = revisions(refs, words.against, words.base_python, words.prepare, launcher)
    corpus = functools.cache(lambda: measured_corpus(settings, sides))
    return Gating(settings, sides, words.parts(settings.device), configured, limits, corpus)


def limits_of(configured: Mapping[str, Configuration], words: Sequence[str]) -> dict[str, Limits]:
    """The limits of each subject: what its repository says, then the command line."""
    told: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"--limit {word} has no value; write NAME=SHARE, such as speed=3%.")
        told[name] = value
    return {
        name: read_limits(told, "--limit", read_limits(one.gate, f"[tool.loadstone.gate] of {one.path}"))
        for name, one in configured.items()
    }


def measured_corpus(settings: Settings, sides: Sides) -> Corpus:
    """The given data, else the embedded text."""
    if settings.data is not None:
        return open_data(settings.data, settings.dtype, settings.vocab_size)
    from ..loaders.library_text import write_text_corpus

    return write_text_corpus(sides["head"].launcher.folder / "text", settings.spent.characters)
