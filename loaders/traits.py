"""What a loader promises: one table of traits, from which everything else is made.

The fields of :class:`Traits` *are* the table: the decorator's keywords, ``--trait name=value``,
the reference page and the choice of judges are all read from them. A field that is ``None`` was
not stated, so it is inferred and shown as observed, and judged only where it would be wrong in
any training.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from ..errors import TraitError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

INTEGER_DTYPES = ("uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64")


def _trait(meaning: str, *values: Any) -> Any:
    """A row of the table: its meaning, and the values it may take (none given: any of its type)."""
    return dataclasses.field(default=None, metadata={"meaning": meaning, "values": values})


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Traits:
    """What a loader promises; ``None`` means "not stated"."""

    reads: str | None = _trait("what it reads", "tokens", "documents", "pairs", "conversations")
    order: str | None = _trait(
        "sequential; shuffled (each once a pass); reordered (inside a bounded buffer); "
        "windows (random starts, drawn with replacement)",
        "sequential", "shuffled", "reordered", "windows",
    )  # fmt: skip
    passes: str | None = _trait("whether the stream ends after one pass", "one", "endless")
    targets: str | None = _trait(
        "shifted (y is x one token on); same (the model shifts); paired (prompt to response)",
        "shifted", "same", "paired",
    )  # fmt: skip
    overlap: int | None = _trait(
        "tokens shared by consecutive batches: 1 advances by B*T and trains every transition, "
        "0 loses the one across the cut; only for sequential streams", 0, 1,
    )  # fmt: skip
    row_overlap: int | None = _trait("the same between rows: 0 means rows of T+1 at stride T+1", 0, 1)
    joins: str | None = _trait(
        "documents flow on through rows; are aligned (each row starts with BOS); are isolated",
        "flow", "aligned", "isolated",
    )  # fmt: skip
    separator: str | None = _trait(
        "what it puts where documents meet: bos (one before each), eos (one after each), none",
        "bos", "eos", "none",
    )  # fmt: skip
    loss: str | None = _trait(
        "what one pass may leave out: none; tail (less than one batch on every rank); "
        "crop or truncation (text past a limit), each tail included",
        "none", "tail", "crop", "truncation",
    )  # fmt: skip
    mask: str | None = _trait("which targets are ignored", "none", "assistant", "padding", "end-of-document")
    ignore_index: int | None = _trait("the value an ignored target has in y")
    padding_side: str | None = _trait("where rows are padded", "left", "right")
    shape: str | None = _trait("whether every batch is (B, T)", "fixed", "ragged")
    short_last: bool | None = _trait("whether the last batch may have fewer rows", True, False)
    x_dtype: str | None = _trait("dtype of x", *INTEGER_DTYPES)
    y_dtype: str | None = _trait("dtype of y", *INTEGER_DTYPES)
    batch: str | None = _trait(
        "fresh (the consumer may keep it); until-next (valid until the next one is asked for); "
        "view (of the source)",
        "fresh", "until-next", "view",
    )  # fmt: skip
    y_batch: str | None = _trait("the same for y alone, where it differs", "fresh", "until-next", "view")
    rng: str | None = _trait("whose random generator it draws from", "own", "global")
    shuffle_span: int | None = _trait("rows among which it shuffles; 0 is the whole source")
    resume: str | None = _trait("what a saved state promises", "none", "exact", "approximate", "topology")
    ranks: str | None = _trait(
        "how ranks share a pass: none (each reads it all), disjoint, sampled (independent draws)",
        "none", "disjoint", "sampled",
    )  # fmt: skip
    rank_batches: str | None = _trait("batches a rank gets in one pass", "equal", "may-differ")
    repeats: bool | None = _trait("whether items may repeat to even ranks out", True, False)
    workers: bool | None = _trait("whether it takes worker processes", True, False)
    copies: str | None = _trait(
        "how batches go to an accelerator: queued (from page-locked memory, nothing waits); waits",
        "queued", "waits",
    )  # fmt: skip
    holds: str | None = _trait(
        "what of the corpus is in its memory: buffer (no more for a larger corpus), corpus (all of it)",
        "buffer", "corpus",
    )  # fmt: skip
    buffered: Callable[[Any], int] | None = _trait(  # noqa: RUF009 (a row of the table, not a value)
        "a function of the iterable: bytes it holds on purpose, which the leak measurement subtracts"
    )

    def __post_init__(self) -> None:
        for row in dataclasses.fields(self):
            value, allowed = getattr(self, row.name), row.metadata["values"]
            if value is not None and not _fits(value, row):
                hint = did_you_mean(str(value), map(str, allowed), "values") if allowed else _kind(row)
                raise TraitError(f"trait {row.name}={value!r} does not exist; {hint}")

    def stated(self) -> dict[str, Any]:
        """The traits that were stated, as plain data (a callable is named, not carried)."""
        pairs = ((row.name, getattr(self, row.name)) for row in dataclasses.fields(self))
        return {k: getattr(v, "__name__", "stated") if callable(v) else v for k, v in pairs if v is not None}

    def replace(self, changes: Mapping[str, Any]) -> Traits:
        """A copy with some traits stated anew.

        Raises:
            TraitError: a name or a value that is not in the table.
        """
        check_names(changes)
        return dataclasses.replace(self, **changes)


def _fits(value: Any, row: dataclasses.Field[Any]) -> bool:
    """Whether a row of the table may have that value; True is not 1 here."""
    if allowed := row.metadata["values"]:
        return any(type(value) is type(one) and value == one for one in allowed)
    return callable(value) if _is_function(row) else type(value) is int


def _is_function(row: dataclasses.Field[Any]) -> bool:
    return str(row.type).startswith("Callable")


def _kind(row: dataclasses.Field[Any]) -> str:
    return "it is a function of the iterable." if _is_function(row) else "it is a whole number."


TABLE: tuple[dataclasses.Field[Any], ...] = dataclasses.fields(Traits)
NAMES = tuple(row.name for row in TABLE)


def check_names(traits: Mapping[str, Any]) -> None:
    """Raise :class:`TraitError` for a name that is not in the table."""
    for name in traits:
        if name not in NAMES:
            raise TraitError(f"there is no trait {name!r}; {did_you_mean(name, NAMES, 'traits')}")


def parse(text: str) -> tuple[str, Any]:
    """Read ``name=value`` as the command line gives it.

    >>> parse("short_last=true")
    ('short_last', True)

    Raises:
        TraitError: no such trait, or a value of the wrong kind.
    """
    name, equals, word = text.partition("=")
    if not equals:
        raise TraitError(f"--trait {text!r} has no value; write it as name=value.")
    check_names({name: word})
    row = next(row for row in TABLE if row.name == name)
    kind = str(row.type)
    try:
        if kind.startswith("bool"):
            value: Any = {"true": True, "yes": True, "false": False, "no": False}[word.lower()]
        else:
            value = int(word) if kind.startswith("int") else word
    except (KeyError, ValueError):
        wanted = "true or false" if kind.startswith("bool") else "a whole number"
        raise TraitError(f"trait {name} takes {wanted}, not {word!r}.") from None
    if _is_function(row):
        raise TraitError(f"trait {name} is a function; state it with the decorator.")
    Traits().replace({name: value})
    return name, value
