"""Hugging Face ``datasets``, streaming parquet documents, tokens packed into (B, T).

The library reads shards, shuffles them and a bounded buffer of documents, and divides them among
ranks and workers. What it leaves to its user is done here, as training scripts do: a BOS before
each document, packing, and the tokens in hand kept in the state. Worker processes are those of
torchdata's ``StatefulDataLoader``.

Its state holds the place in the files but not the shuffle buffer, which is documented: a resume
leaves out what the buffer held, so none is promised. With ``order=sequential`` it is exact.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import IterableDataset
from torchdata.stateful_dataloader import StatefulDataLoader  # type: ignore[import-untyped]

from ..contract import LoaderConfig, Option, loader, spec_of
from ..joined_tokens import special_id
from ..saved_state import State, binding
from ..windows import Pair, shifted_views
from .stateful_dataloader import StatefulEpochs
from .torch_dataloader import WORKERS, workers_of

if TYPE_CHECKING:
    from ..corpus import Corpus

BUFFER_SIZE = 1000
ORDER = Option(
    "shuffled",
    "shuffled: the shards, and documents in a bounded buffer; sequential: as they lie",
    choices=("shuffled", "sequential"),
)
PAUSE = Option(
    False,
    "sleep five seconds at the end of every shuffled pass, as release 5.2 does to spare Arrow's threads a "
    "crash when the interpreter shuts down",
)
SEQUENTIAL = {"order": "sequential", "shuffle_span": None, "resume": "exact"}


class Packed(IterableDataset[Pair]):
    """Documents as batches: a BOS before each, joined, cut into buffers of B*T+1 that share a token.

    The state is the library's place in the files and the tokens in hand. The library goes on from a
    place whenever the pass begins, so here too a state is for the next pass to begin.
    """

    def __init__(self, documents: Any, corpus: Corpus, config: LoaderConfig) -> None:
        self.documents, self.config, self.tokenizer = documents, config, corpus.tokenizer
        self.bos = special_id(corpus, "<|bos|>")
        self.rest: list[int] = []  # tokens in hand: the last target, and what follows it
        self.given: State | None = None  # a state that the next pass begins from

    def __iter__(self) -> Iterator[Pair]:
        config = self.config
        size = config.batch_size * config.seq_len
        self.rest, self.given = list(self.given["rest"]) if self.given else [], None
        for row in self.documents:
            self.rest += [self.bos, *self._ids(row)]
            while len(self.rest) > size:
                batch, self.rest = self.rest[: size + 1], self.rest[size:]
                yield self._cut(batch)
        rows = 0 if config.drop_last else (len(self.rest) - 1) // config.seq_len
        batch, self.rest = self.rest[: rows * config.seq_len + 1], []
        if rows > 0:
            yield self._cut(batch)

    def _ids(self, row: Mapping[str, Any]) -> list[int]:
        return row["tokens"] if "tokens" in row else self.tokenizer.encode_ordinary(row["text"])

    def _cut(self, tokens: list[int]) -> Pair:
        flat = torch.from_numpy(np.array(tokens, np.int64))
        return shifted_views(flat, self.config.seq_len, self.config.device)

    def state_dict(self) -> State:
        """The place after the last batch given.

        The library's own state is stale between its restore and the first document, so the one that
        was loaded is given back until then.
        """
        return self.given or {"documents": self.documents.state_dict(), "rest": list(self.rest)}

    def load_state_dict(self, state: State) -> None:
        """Go on where ``state`` was taken, from the next ``iter()`` on."""
        self.documents.load_state_dict(state["documents"])
        self.given = state


class StreamEpochs(StatefulEpochs):
    """A ``StatefulDataLoader`` over a stream that is told the epoch."""

    def set_epoch(self, epoch: int) -> None:
        """Order shards and buffer of the next pass by (seed, epoch)."""
        super().set_epoch(epoch)
        self.batches.dataset.documents.set_epoch(epoch)  # type: ignore[attr-defined]  # it is Packed


def documents(corpus: Corpus, config: LoaderConfig, chosen: Mapping[str, Any]) -> Any:
    """The stream of one rank's documents, as the library gives it: a mapping for each."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when the library is imported; files are local
    import datasets  # type: ignore[import-not-found,import-untyped,unused-ignore]  # an extra
    from datasets.distributed import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
        split_dataset_by_node,
    )

    if not chosen.get("pause", False):
        datasets.config.SLEEP_TIME_ON_THREADS_SHUTDOWN = 0
    files = [str(path) for path in corpus.document_files(config.split)]
    with tempfile.TemporaryDirectory() as cache:  # for a lock, while the files are looked at
        stream = datasets.load_dataset(
            "parquet", data_files=files, split="train", streaming=True, cache_dir=cache
        )
    wanted = "tokens" if "tokens" in (stream.column_names or ["tokens"]) else "text"
    stream = stream.select_columns(wanted)
    if config.shuffle and chosen.get("order", "shuffled") == "shuffled":
        stream = stream.shuffle(seed=config.seed, buffer_size=chosen.get("buffer_size", BUFFER_SIZE))
    return split_dataset_by_node(stream, rank=config.rank, world_size=config.world_size)


@loader(
    reads="documents",
    order="reordered",
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
    shuffle_span=BUFFER_SIZE,
    resume="none",  # of what the shuffle buffer held
    ranks="disjoint",
    rank_batches="may-differ",
    repeats=False,
    workers=True,
    options={
        "workers": WORKERS,
        "order": ORDER,
        "buffer_size": Option(BUFFER_SIZE, "documents the shuffle buffer holds"),
        "pause": PAUSE,
    },
    modes={"order=sequential": SEQUENTIAL},
)
def streaming(corpus: Corpus, config: LoaderConfig) -> StreamEpochs:
    """Batches x, y, int64 (B, T), of documents joined in flow."""
    chosen = spec_of(streaming).check_options(config.options, "adapters.hf_streaming")
    packed = Packed(documents(corpus, config, chosen), corpus, config)
    generator, workers = torch.Generator(), workers_of(config)
    batches = StatefulDataLoader(packed, batch_size=None, num_workers=workers, generator=generator)
    bound = binding(
        "adapters.hf_streaming", corpus, config,
        seed=config.seed, shuffle=config.shuffle, workers=workers,
        **{name: chosen.get(name) for name in ("order", "buffer_size")},
    )  # fmt: skip
    return StreamEpochs(batches, generator, config, bound)
