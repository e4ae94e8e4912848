# ruff: noqa: N806 - B and T, as every tutorial names them
"""Correct loaders of a dozen makes, none of which says a word about itself; and some that are wrong."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow.parquet as pq
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info


def ids_of(corpus, config):
    """The tokens of this rank: an equal stretch of the file for each."""
    ids = np.fromfile(corpus.token_file(config.split), corpus.token_dtype).astype(np.int64)
    share = len(ids) // config.world_size
    return ids[config.rank * share :][:share]


def mine(rows, config):
    """The rows of this rank."""
    return itertools.islice(rows, config.rank, None, config.world_size)


def generator(corpus, config):
    """The plainest: a generator function over a token file."""
    ids, (B, T) = torch.from_numpy(ids_of(corpus, config)), (config.batch_size, config.seq_len)
    for start in range(0, len(ids) - B * T, B * T):
        chunk = ids[start : start + B * T + 1]
        yield chunk[:-1].view(B, T).clone(), chunk[1:].view(B, T).clone()


class OnIter:
    """A class with __iter__ and __len__."""

    def __init__(self, corpus, config):
        self.ids, self.B, self.T = ids_of(corpus, config), config.batch_size, config.seq_len

    def __len__(self):
        return (len(self.ids) - 1) // (self.B * self.T)

    def __iter__(self):
        for i in range(len(self)):
            flat = torch.tensor(self.ids[i * self.B * self.T :][: self.B * self.T + 1])
            yield flat[:-1].view(self.B, self.T), flat[1:].view(self.B, self.T)


class Rows(Dataset):
    """Row i is the window of T+1 tokens at i*T."""

    def __init__(self, ids, seq_len):
        self.ids, self.T = torch.from_numpy(ids), seq_len

    def __len__(self):
        return (len(self.ids) - 1) // self.T

    def __getitem__(self, i):
        row = self.ids[i * self.T : i * self.T + self.T + 1]
        return row[:-1].clone(), row[1:].clone()


def map_style(corpus, config):
    """A DataLoader that shuffles a map-style data set."""
    order = torch.Generator().manual_seed(config.seed + config.epoch)
    rows = Rows(ids_of(corpus, config), config.seq_len)
    return DataLoader(rows, config.batch_size, shuffle=True, generator=order, drop_last=True)


class Stream(IterableDataset):
    """Rows one after another, shared out among workers."""

    def __init__(self, rows):
        self.rows = rows

    def __iter__(self):
        me = get_worker_info()
        first, step = (me.id, me.num_workers) if me else (0, 1)
        return (self.rows[i] for i in range(first, len(self.rows), step))


def iterable_style(corpus, config):
    return DataLoader(Stream(Rows(ids_of(corpus, config), config.seq_len)), config.batch_size, drop_last=True)


def two_workers(corpus, config):
    rows = Stream(Rows(ids_of(corpus, config), config.seq_len))
    return DataLoader(rows, config.batch_size, num_workers=2, drop_last=True)


def nano_gpt(corpus, config):
    """get_batch in an endless loop, seeded by nobody, as in train.py."""
    while True:
        data = np.memmap(corpus.token_file(config.split), corpus.token_dtype, mode="r")
        ix = torch.randint(len(data) - config.seq_len, (config.batch_size,))
        x = torch.stack([torch.from_numpy(data[i : i + config.seq_len].astype(np.int64)) for i in ix])
        y = torch.stack([torch.from_numpy(data[i + 1 : i + 1 + config.seq_len].astype(np.int64)) for i in ix])
        yield x, y


def hugging_face(corpus, config):
    """input_ids and labels alike, as group_texts makes them: the model shifts."""
    ids, (B, T) = torch.from_numpy(ids_of(corpus, config)), (config.batch_size, config.seq_len)
    blocks = ids[: len(ids) // T * T].view(-1, T)
    for rows in blocks.split(B):
        yield {"input_ids": rows.clone(), "labels": rows.clone(), "attention_mask": torch.ones_like(rows)}


def bare(corpus, config):
    """One (B, T+1) tensor a batch, cut by whoever trains."""
    ids, T = torch.from_numpy(ids_of(corpus, config)), config.seq_len
    for rows in ids.unfold(0, T + 1, T).split(config.batch_size):
        yield rows.clone()


def with_state(corpus, config):
    """nanochat's way: the state comes with the batch."""
    for step, (x, y) in enumerate(generator(corpus, config)):
        yield x, y, {"step": step}


def packed_documents(corpus, config):
    """Documents of parquet files, a BOS before each, joined and cut."""
    bos, (B, T) = corpus.special["<|bos|>"], (config.batch_size, config.seq_len)
    held = []
    for path in corpus.document_files(config.split):
        for document in mine(pq.read_table(path)["tokens"].to_pylist(), config):
            held += [bos, *document]
            while len(held) > B * T:
                flat, held = torch.tensor(held[: B * T + 1]), held[B * T :]
                yield flat[:-1].view(B, T), flat[1:].view(B, T)


def cropped_documents(corpus, config):
    """Long documents cropped, all joined with nothing between: y is still what x is followed by."""
    B, T = config.batch_size, config.seq_len
    held = []
    for document in mine(corpus.iter_documents(config.split), config):
        held += document[:40].tolist()
        while len(held) > B * T:
            flat, held = torch.tensor(held[: B * T + 1]), held[B * T :]
            yield flat[:-1].view(B, T), flat[1:].view(B, T)


def conversations(corpus, config):
    """Conversations with role tokens, packed without end, y ignored outside the assistant's words."""
    special, B, T = corpus.special, config.batch_size, config.seq_len
    ids, learn = [], []
    while True:
        for messages in mine(corpus.iter_conversations(config.split), config):
            for message in messages:
                role = message["role"]
                text = corpus.tokenizer.encode_ordinary(message["content"])
                ids += [special[f"<|{role}_start|>"], *text, special[f"<|{role}_end|>"]]
                learn += [False] + [role == "assistant"] * (len(text) + 1)
            while len(ids) > B * T:
                x = torch.tensor(ids[: B * T])
                y = torch.tensor(ids[1 : B * T + 1])
                y[~torch.tensor(learn[1 : B * T + 1])] = -100
                ids, learn = ids[B * T :], learn[B * T :]
                yield x.view(B, T), y.view(B, T)


def list_of_batches(corpus, config):
    """No iterator at all: a list."""
    return list(generator(corpus, config))


def shuffled_documents(corpus, config):
    """Documents in a new order each pass, a BOS before each and an EOS after it."""
    rng = np.random.default_rng([config.seed, config.epoch])
    documents = list(mine(corpus.iter_documents(config.split), config))
    B, T, held = config.batch_size, config.seq_len, []
    for i in rng.permutation(len(documents)):
        held += [corpus.special["<|bos|>"], *documents[i].tolist(), corpus.special["<|eos|>"]]
        while len(held) > B * T:
            flat, held = torch.tensor(held[: B * T + 1]), held[B * T :]
            yield flat[:-1].view(B, T), flat[1:].view(B, T)


CORRECT = (
    "generator", "OnIter", "map_style", "iterable_style", "two_workers", "nano_gpt", "hugging_face", "bare",
    "with_state", "packed_documents", "cropped_documents", "conversations", "list_of_batches",
    "shuffled_documents",
)  # fmt: skip


def double_shift(corpus, config):
    for x, y in generator(corpus, config):
        yield x, torch.roll(y.view(-1), -1).view_as(y)


def wrong_way(corpus, config):
    for x, y in generator(corpus, config):
        yield y, x


def rolled(corpus, config):
    for x, _ in generator(corpus, config):
        yield x, torch.roll(x, -1, 1)


def overwritten(corpus, config):
    held = None
    for x, y in generator(corpus, config):
        held = torch.stack([x, y]) if held is None else held.copy_(torch.stack([x, y]))
        yield held[0], held[1]


def hangs(corpus, config):
    yield from itertools.islice(generator(corpus, config), 5)
    while True:
        pass


def raises(corpus, config):
    yield from itertools.islice(generator(corpus, config), 5)
    raise RuntimeError("the shard is gone")


def floats(corpus, config):
    for x, y in generator(corpus, config):
        yield x.float(), y


def out_of_range(corpus, config):
    for x, y in generator(corpus, config):
        yield x - 40000, y - 40000


WRONG = {
    "double_shift": "shift.exact", "wrong_way": "shift.exact", "rolled": "shift.row_edge",
    "overwritten": "alias.hold", "hangs": "end.finite", "raises": "end.finite", "floats": "dtype.declared",
    "out_of_range": "vocab.range",
}  # fmt: skip
