"""The two streams of (x, y) over an array of token ids that the token loaders have in common.

:class:`RandomWindows` never ends; :class:`SequentialWindows` reads the source once a pass and can
be resumed. Where the ids come from (memory, a map, a new map for each batch) is the loader's own
affair, behind :class:`TokenSource`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..errors import DataError
from .contract import LoaderConfig, Option
from .memory import BatchMemory
from .saved_state import unbind
from .windows import Pair, TokenArray, Tokens, TokenSpans, draw_starts, random_windows, sequential_windows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    Starts = npt.NDArray[np.int64]

STARTS_AHEAD = 1024  # a call of the generator costs a quarter of a batch of 12 x 1024, drawn for many nothing
ORDER = Option(
    "windows",
    "windows: random starts, drawn with replacement, without end; sequential: the source once a pass",
    choices=("windows", "sequential"),
)

# What a token loader promises otherwise once order=sequential is chosen.
SEQUENTIAL: Mapping[str, Any] = {
    "order": "sequential",
    "passes": "one",
    "overlap": 1,
    "row_overlap": 1,
    "loss": "tail",
    "short_last": True,  # only when config.drop_last is off
    "resume": "exact",
    "ranks": "disjoint",
    "rank_batches": "equal",
    "repeats": False,
}


class TokenSource(Protocol):
    """Where a stream takes its ids from."""

    @property
    def num_tokens(self) -> int:
        """Ids in the source; it does not change."""
        ...

    @property
    def identity(self) -> str:
        """Tells this source from another, for saved states."""
        ...

    def tokens(self) -> TokenSpans:
        """All ids; the caller drops them once a batch is cut."""
        ...

    def close(self) -> None:
        """Let go of the source; batches that were given stay readable."""
        ...


class KeptSource:
    """Ids in an array or a map, (n,), that stays until the loader is closed.

    Attributes:
        num_tokens: ids in it, once closed too.
        identity: tells it from another, for saved states.
    """

    def __init__(self, ids: Tokens, identity: str) -> None:
        self.num_tokens, self.identity = len(ids), identity
        self._ids: TokenArray | None = TokenArray(ids)

    def tokens(self) -> TokenArray:
        """The ids, the same object each time."""
        if self._ids is None:
            raise ValueError("the loader is closed; open a new one.")
        return self._ids

    @property
    def nbytes(self) -> int:
        """Bytes of the ids; none once closed."""
        return 0 if self._ids is None else self._ids.nbytes

    def close(self) -> None:
        """Free or unmap them; batches that were given are copies."""
        self._ids = None


def open_stream(source: TokenSource, config: LoaderConfig) -> RandomWindows | SequentialWindows:
    """The stream that the option ``order`` asks for."""
    sequential = config.option("order", ORDER.default) == "sequential"
    return SequentialWindows(source, config) if sequential else RandomWindows(source, config)


class RandomWindows:
    """Endless batches of windows from random starts.

    The starts come from a generator of its own, seeded by (seed, epoch, rank). A second ``iter()``
    on the training split goes on drawing; on the validation split it begins again, so that two
    evaluations see the same batches.
    """

    def __init__(self, source: TokenSource, config: LoaderConfig) -> None:
        self.source = source
        self._config = config
        self._memory = BatchMemory(config.device)
        self._batches = 0
        self.set_epoch(config.epoch)

    def set_epoch(self, epoch: int) -> None:
        """Seed the draws anew; the very next batch, of a running iterator too, is the epoch's first."""
        self._epoch = epoch
        self._starts = self._draws(np.random.default_rng([self._config.seed, epoch, self._config.rank]))

    def _draws(self, rng: np.random.Generator) -> Iterator[Starts]:
        """The starts of batch after batch, int64 (B,) each; the same numbers as if drawn for each alone."""
        config, ahead = self._config, max(1, STARTS_AHEAD // self._config.batch_size)
        while True:
            drawn = draw_starts(rng, self.source.num_tokens, config.seq_len, ahead * config.batch_size)
            yield from drawn.reshape(ahead, config.batch_size)

    def __iter__(self) -> Iterator[Pair]:
        if self._config.split == "val":
            self.set_epoch(self._epoch)
        return self._draw()

    def _draw(self) -> Iterator[Pair]:
        while True:
            batch = self._cut()
            self._batches += 1
            yield batch

    def _cut(self) -> Pair:
        seq_len, device = self._config.seq_len, self._config.device
        return random_windows(self.source.tokens(), next(self._starts), seq_len, device, self._memory)

    def stats(self) -> dict[str, int]:
        """The epoch last set, and batches and tokens given since the start."""
        size = self._config.batch_size * self._config.seq_len
        return {"epoch": self._epoch, "batches": self._batches, "tokens": self._batches * size}

    def close(self) -> None:
        """Let go of the source; batches that were given stay readable."""
        self.source.close()


class SequentialWindows:
    """One pass over the source in its own order; batch k of rank r is global batch k*W + r.

    A global step of W batches advances by W*B*T tokens, and the last target of one batch is the
    first input of the next, so every transition is trained once. What is left after the last
    whole step is dropped; with ``drop_last`` off its whole rows make one more, shorter batch, of
    as many rows on every rank, so the ranks stay in step.

    Each ``iter()`` is a new full pass, except the first one after ``load_state_dict``, which goes
    on where the state was taken. When a pass has ended the epoch counts up by one.

    Raises:
        DataError: there is not one batch in a pass.
    """

    def __init__(self, source: TokenSource, config: LoaderConfig) -> None:
        self.source = source
        self._config = config
        self._memory = BatchMemory(config.device)
        self._epoch = config.epoch
        self._batch = 0  # batches given in this pass
        self._first = 0  # batch the next iter() begins with
        rows = (source.num_tokens - 1) // config.seq_len  # whole rows; each target needs a next token
        self._steps, rest = divmod(rows, config.batch_size * config.world_size)
        self._short_rows = 0 if config.drop_last else rest // config.world_size
        if not len(self):
            raise DataError(
                f"{source.num_tokens} tokens give no batch of {config.batch_size} x {config.seq_len} "
                f"on {config.world_size} rank(s); take a smaller batch, or more data"
                + (", or set drop_last to False." if config.drop_last else ".")
            )

    def __len__(self) -> int:
        """Batches in a full pass, the same on every rank."""
        return self._steps + (self._short_rows > 0)

    def set_epoch(self, epoch: int) -> None:
        """Name the pass that comes next; the order is the same in all.

        A restored position is kept when it is of this very epoch, so that a training loop may set
        the epoch it resumes in.
        """
        if epoch != self._epoch:
            self._epoch, self._batch, self._first = epoch, 0, 0

    def __iter__(self) -> Iterator[Pair]:
        # Not itself a generator: a state taken before the first batch must already be of this pass.
        self._batch, self._first = self._first, 0
        return self._run(self._batch)

    def _run(self, first: int) -> Iterator[Pair]:
        for index in range(first, len(self)):
            batch = self._cut(index)
            self._batch = index + 1  # counted before it is given: the consumer may save at once
            yield batch
        self._epoch, self._batch = self._epoch + 1, 0

    def _cut(self, index: int) -> Pair:
        config = self._config
        rows = config.batch_size if index < self._steps else self._short_rows
        first_row = index * config.world_size * config.batch_size + config.rank * rows
        start = first_row * config.seq_len
        return sequential_windows(
            self.source.tokens(), start, rows, config.seq_len, config.device, self._memory
        )

    def state_dict(self) -> dict[str, Any]:
        """Where the consumer is, as plain data that later batches do not change."""
        return {"epoch": self._epoch, "batch": self._batch, "bound": self._bound()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where ``state`` was taken, from the next ``iter()`` on.

        Raises:
            ValueError: no state of such a stream, or one of another corpus, shape or rank.
        """
        place = unbind(state, self._bound(), {"epoch": 0, "batch": 0})
        if not 0 <= place["batch"] <= len(self):
            raise ValueError(
                f"the state stands at batch {place['batch']} of a pass of {len(self)} batches; "
                "it is damaged: load another one."
            )
        self._epoch, self._batch = place["epoch"], place["batch"]
        self._first = self._batch

    def _bound(self) -> dict[str, Any]:
        """Everything that decides which tokens batch k holds."""
        names = ("split", "batch_size", "seq_len", "world_size", "rank", "drop_last")
        own = {name: getattr(self._config, name) for name in names}
        source = {"corpus": self.source.identity, "num_tokens": self.source.num_tokens}
        return {"loader": "a sequential token stream", **source, **own}

    def stats(self) -> dict[str, int]:
        """Epoch, batches given in this pass, and batches of a full one."""
        return {"epoch": self._epoch, "batch": self._batch, "batches": len(self)}

    def close(self) -> None:
        """Let go of the source; batches that were given stay readable."""
        self.source.close()
