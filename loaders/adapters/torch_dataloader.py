"""``torch.utils.data.DataLoader`` over a token file: map-style and iterable-style.

``map_style`` is a data set of windows at stride T, shuffled by a sampler: each window once a pass.
``iterable`` reads the file in its own order; rank and worker decide which batches a process cuts.

Three things the library leaves to its user, done here:

- without ``generator=`` every ``iter()`` draws a seed from torch's global generator, shuffle or not;
- a random sampler knows no epoch, so the generator is seeded anew for each;
- an iterable data set that does not ask for its worker's number is read whole by each of them.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence, Sized
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, DistributedSampler, IterableDataset, get_worker_info

from ..contract import LoaderConfig, Option, loader, spec_of
from ..token_file import TokenFile
from ..windows import Pair, TokenArray, random_windows

if TYPE_CHECKING:
    from ..corpus import Corpus

WORKERS = Option(0, "worker processes, where the configuration asks for none")
FETCH = Option(
    "rows",
    "rows: one window at a time, stacked by the library; batches: __getitems__ cuts a whole batch",
    choices=("rows", "batches"),
)


class Windows(Dataset[Pair]):
    """Windows of T+1 tokens at stride T as (x, y), int64 (T,) each.

    The last target of a window is the first input of the next, so every transition is trained.
    """

    def __init__(self, file: TokenFile, seq_len: int) -> None:
        self.file, self.seq_len = file, seq_len

    @functools.cached_property
    def tokens(self) -> TokenArray:
        """The file, mapped by each process for itself."""
        return TokenArray(self.file.map())

    def __getstate__(self) -> dict[str, Any]:
        """Without the map: pickled to a worker, it would travel as a copy of the whole file."""
        return {name: value for name, value in vars(self).items() if name != "tokens"}

    def __len__(self) -> int:
        return (self.file.num_tokens - 1) // self.seq_len

    def __getitem__(self, index: int) -> Pair:
        start = index * self.seq_len
        row = torch.from_numpy(self.tokens.span(start, self.seq_len + 1).astype(np.int64))
        return row[:-1], row[1:]


class WindowBatches(Windows):
    """The same windows, a whole batch in one call: nothing is left to stack."""

    def __getitems__(self, indices: Sequence[int]) -> Pair:
        starts = np.asarray(indices, np.int64) * self.seq_len
        return random_windows(self.tokens, starts, self.seq_len)


class RowsInOrder(IterableDataset[Pair]):
    """The rows of one rank in the order of the file, (T,) each; a worker cuts whole batches.

    Batch k of rank r is global batch k*W + r, whichever worker cuts it, so the number of workers
    changes nothing in what is delivered, nor in its order: the library asks workers in turn.
    """

    def __init__(self, file: TokenFile, config: LoaderConfig) -> None:
        self.file, self.config = file, config
        rows = (file.num_tokens - 1) // config.seq_len
        self.steps, rest = divmod(rows, config.batch_size * config.world_size)
        self.short_rows = 0 if config.drop_last else rest // config.world_size

    def __len__(self) -> int:
        return self.steps * self.config.batch_size + self.short_rows

    def __iter__(self) -> Iterator[Pair]:
        worker = get_worker_info()
        first, stride = (worker.id, worker.num_workers) if worker else (0, 1)
        tokens, seq_len = self.file.map(), self.config.seq_len
        for step in range(first, self.steps + (self.short_rows > 0), stride):
            for start in self._starts(step):
                row = torch.from_numpy(tokens[start : start + seq_len + 1].astype(np.int64))
                yield row[:-1], row[1:]

    def _starts(self, step: int) -> range:
        config = self.config
        rows = config.batch_size if step < self.steps else self.short_rows
        first = step * config.world_size * config.batch_size + config.rank * rows
        return range(first * config.seq_len, (first + rows) * config.seq_len, config.seq_len)


@dataclasses.dataclass
class Batches:
    """A ``DataLoader`` and the generator it draws from."""

    batches: DataLoader[Pair]
    generator: torch.Generator
    config: LoaderConfig

    def __iter__(self) -> Iterator[Pair]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


@dataclasses.dataclass  # so that __init__ calls __post_init__, which Batches has not
class Epochs(Batches):
    """A ``DataLoader`` and its epoch: what a training script does around one."""

    def __post_init__(self) -> None:
        self.set_epoch(self.config.epoch)

    def set_epoch(self, epoch: int) -> None:
        """Order the next pass by (seed, epoch)."""
        self.generator.manual_seed(mixed(self.config.seed, epoch))
        if isinstance(self.batches.sampler, DistributedSampler):
            self.batches.sampler.set_epoch(epoch)


def mixed(seed: int, epoch: int) -> int:
    """One seed of the two; a sum would make epoch 1 of one seed epoch 0 of the next."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])


def workers_of(config: LoaderConfig) -> int:
    """Worker processes: the configuration's, else the option's."""
    return config.num_workers or int(config.option("workers", 0))


def settings(config: LoaderConfig, generator: torch.Generator) -> dict[str, Any]:
    """Arguments that every kind of ``DataLoader`` is given."""
    return {
        "batch_size": config.batch_size,
        "drop_last": config.drop_last,
        "num_workers": workers_of(config),
        "generator": generator,
    }


def sharing(dataset: Sized, config: LoaderConfig, sampler: type[DistributedSampler[int]]) -> Any:
    """A sampler that divides each pass among the ranks."""
    return sampler(
        dataset,  # type: ignore[arg-type]  # asks for a Dataset, needs a length
        num_replicas=config.world_size,
        rank=config.rank,
        shuffle=config.shuffle,
        seed=mixed(config.seed, 0),  # it adds the epoch: bare, epoch 1 of a seed were epoch 0 of the next
        drop_last=config.drop_last,
    )


def as_it_is(batch: Pair) -> Pair:
    """Collate nothing: the batch was cut whole."""
    return batch


@loader(
    reads="tokens",
    order="shuffled",
    passes="one",
    targets="shifted",
    row_overlap=1,
    joins="flow",
    loss="tail",
    mask="none",
    shape="fixed",
    short_last=True,  # with drop_last=False
    x_dtype="int64",
    y_dtype="int64",
    batch="fresh",
    rng="own",
    resume="none",
    ranks="disjoint",
    rank_batches="equal",
    repeats=True,  # with drop_last=False the distributed sampler evens ranks out
    workers=True,
    options={"workers": WORKERS, "fetch": FETCH},
)
def map_style(corpus: Corpus, config: LoaderConfig) -> Epochs:
    """Batches x, y, int64 (B, T), of windows in random order, each once a pass."""
    spec_of(map_style).check_options(config.options, "adapters.torch_map")
    whole = config.option("fetch", "rows") == "batches"
    file, generator = TokenFile.of(corpus, config), torch.Generator()
    windows = (WindowBatches if whole else Windows)(file, config.seq_len)
    how = settings(config, generator)
    if config.world_size == 1:
        how["shuffle"] = config.shuffle
    else:
        how["sampler"] = sharing(windows, config, DistributedSampler)
    if whole:
        how["collate_fn"] = as_it_is
    batches: DataLoader[Pair] = DataLoader(windows, **how)
    return Epochs(batches, generator, config)


@loader(
    reads="tokens",
    order="sequential",
    passes="one",
    targets="shifted",
    overlap=1,
    row_overlap=1,
    joins="flow",
    loss="tail",
    mask="none",
    shape="fixed",
    short_last=True,  # with drop_last=False
    x_dtype="int64",
    y_dtype="int64",
    batch="fresh",
    rng="own",
    resume="none",
    ranks="disjoint",
    rank_batches="equal",
    repeats=False,
    workers=True,
    options={"workers": WORKERS},
)
def iterable(corpus: Corpus, config: LoaderConfig) -> Epochs:
    """Batches x, y, int64 (B, T), in the order of the file."""
    spec_of(iterable).check_options(config.options, "adapters.torch_iterable")
    generator = torch.Generator()
    rows = RowsInOrder(TokenFile.of(corpus, config), config)
    return Epochs(DataLoader(rows, **settings(config, generator)), generator, config)
