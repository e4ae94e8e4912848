"""The fine-tuning tutorial's data set: rows of a parquet file through a shuffle buffer.

It teaches that a shuffled stream needs no more than a few rows at a time: fill a buffer, shuffle
it, hand the rows out, fill it again. Prompts and responses are cut to length, ended with
``[EOS]``, tokenised, and padded to the longest of their batch.

Kept as taught:

- when the buffer is full, it is handed out and emptied, and the row in hand is put nowhere: one
  row in every ``buffer_size + 1`` that are read is never seen;
- the loop over the file has no end and keeps its buffer from one pass to the next, while
  ``len()`` promises a pass of all rows: what an epoch misses, it makes up with repeats;
- ``data[i]`` gives whatever comes next, whatever ``i`` is;
- "streaming" reads the whole table first, as Python objects;
- text is cut by characters, not tokens, and the end is the text "[EOS]", not the end token: it is
  tokenised like any word, and is the first thing that is cut off.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import torch

from ..contract import Option, loader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import tiktoken

    from ..contract import LoaderConfig
    from ..corpus import Corpus

EOS_TEXT = "[EOS]"
BUFFER_SIZE = 10


class PairDataset:
    """Batches of prompt/response pairs; made for ``DataLoader(dataset, batch_size=None)``.

    A batch is ``input_ids`` (B, Tin), ``input_mask`` (B, Tin) and ``target_ids`` (B, Tout), int64.
    """

    def __init__(self, corpus: Corpus, config: LoaderConfig, buffer_size: int = BUFFER_SIZE) -> None:
        import pyarrow.parquet as pq

        tables = [pq.read_table(path) for path in corpus.pair_files(config.split)]
        self.rows = [row for table in tables for row in table.to_pylist()]
        self.batch_size, self.seq_len = config.batch_size, config.seq_len
        self.buffer_size, self.shuffle = buffer_size, config.shuffle
        self.device = config.device
        self.rng = random.Random(config.seed + config.epoch)
        self.encode = Spelling(corpus.tokenizer)
        self.pad_id = corpus.special["<|pad|>"]
        self.generator = self.stream()

    def stream(self) -> Iterator[dict[str, Any]]:
        """Rows through the shuffle buffer, without end."""
        buffer: list[dict[str, Any]] = []
        while True:
            for row in self.rows:
                if len(buffer) < self.buffer_size:
                    buffer.append(row)
                else:
                    if self.shuffle:
                        self.rng.shuffle(buffer)
                    yield from buffer
                    buffer = []

    def __len__(self) -> int:
        return len(self.rows) // self.batch_size

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return self.collate([next(self.generator) for _ in range(self.batch_size)])

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        for index in range(len(self)):
            yield self[index]

    def collate(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Cut, end, tokenise and pad."""
        prompts = [self.encode(row["prompt"][: self.seq_len]) for row in rows]
        targets = [self.encode((row["response"] + EOS_TEXT)[: self.seq_len]) for row in rows]
        input_ids, target_ids = self.pad(prompts), self.pad(targets)
        lengths = torch.tensor([len(prompt) for prompt in prompts], device=self.device)
        input_mask = (torch.arange(input_ids.shape[1], device=self.device) < lengths[:, None]).long()
        return {"input_ids": input_ids, "input_mask": input_mask, "target_ids": target_ids}

    def pad(self, rows: Sequence[list[int]]) -> torch.Tensor:
        """Rows as one tensor, int64 (B, longest), padded on the right."""
        longest = max(len(row) for row in rows)
        return torch.tensor(
            [row + [self.pad_id] * (longest - len(row)) for row in rows],
            dtype=torch.int64,
            device=self.device,
        )


class Spelling:
    """A tokenizer that skips what it cannot spell.

    A byte-level vocabulary spells everything. A vocabulary of characters may have no piece for the
    letters of "[EOS]", on which tiktoken panics; they are left out then.
    """

    def __init__(self, tokenizer: tiktoken.Encoding) -> None:
        self.encode = tokenizer.encode_ordinary
        self.skipped = {ord(letter): None for letter in EOS_TEXT if not spells(tokenizer, letter)}

    def __call__(self, text: str) -> list[int]:
        """Token ids of a text."""
        return self.encode(text.translate(self.skipped))


def spells(tokenizer: tiktoken.Encoding, letter: str) -> bool:
    """Whether the vocabulary holds this letter as one token."""
    try:
        tokenizer.encode_single_token(letter)
    except KeyError:
        return False
    return True


@loader(
    reads="pairs",
    order="reordered",
    passes="one",
    targets="paired",
    joins="isolated",
    loss="truncation",
    mask="none",  # padding is masked in the inputs only
    padding_side="right",
    shape="ragged",
    short_last=False,
    x_dtype="int64",
    y_dtype="int64",
    batch="fresh",
    rng="own",
    shuffle_span=BUFFER_SIZE,
    resume="none",
    ranks="none",
    rank_batches="equal",
    repeats=False,
    workers=False,
    options={"buffer_size": Option(BUFFER_SIZE, "rows the shuffle buffer holds")},
)
def parquet_stream(corpus: Corpus, config: LoaderConfig) -> PairDataset:
    """Batches of pairs as mappings, an epoch of ``len()`` of them."""
    return PairDataset(corpus, config, int(config.option("buffer_size", BUFFER_SIZE)))
