"""The chat tutorial's loop: render conversations, queue their tokens, cut batches off the queue.

It teaches how a chat becomes training data: role tokens around each message, a ``deque`` that
hides where one conversation ends and the next begins, one page-locked scratch buffer that is
filled again for every batch, and copies to the device that do not wait.

Kept as taught:

- a batch pops all of its B*T+1 tokens, so the pair across the cut is never trained;
- the targets are a view of the scratch buffer: on a CPU they *are* the buffer and change with the
  next batch, on CUDA the copy may still be under way when the buffer is filled again;
- ``render`` returns a mask of the assistant's tokens, and the loop drops it;
- the buffer is filled token by token, each a Python int put into a tensor.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

import torch

from ..contract import loader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import tiktoken

    from ..contract import LoaderConfig
    from ..corpus import Corpus, Message

    Pair = tuple[torch.Tensor, torch.Tensor]


@loader(
    reads="conversations",
    order="sequential",
    passes="endless",
    targets="shifted",
    overlap=1,
    row_overlap=1,
    joins="flow",
    separator="bos",
    loss="none",
    mask="assistant",
    ignore_index=-100,
    shape="fixed",
    short_last=False,
    x_dtype="int32",
    y_dtype="int64",
    batch="fresh",
    rng="own",  # it draws nothing
    resume="none",
    ranks="disjoint",
    rank_batches="may-differ",
    repeats=False,
    workers=False,
)
def conversation_deque(corpus: Corpus, config: LoaderConfig) -> Iterator[Pair]:
    """Batches x, int32 (B, T), and y, int64 (B, T), without end."""
    B, T, device = config.batch_size, config.seq_len, config.device  # noqa: N806 - as every tutorial names it
    needed = B * T + 1  # +1 for the target of the last token
    token_buffer: deque[int] = deque()
    scratch = torch.empty(needed, dtype=torch.int64, pin_memory=device.startswith("cuda"))
    conversations = turn_about(corpus, config)
    while True:
        # Queue conversations until there is enough for one batch.
        while len(token_buffer) < needed:
            ids, _ = render(next(conversations), corpus.tokenizer, corpus.special)
            token_buffer.extend(ids)
        # Move tokens from the queue into the scratch buffer.
        for i in range(needed):
            scratch[i] = token_buffer.popleft()
        inputs = scratch[:-1].to(dtype=torch.int32)
        targets = scratch[1:]
        x = inputs.view(B, T).to(device=device, dtype=torch.int32, non_blocking=True)
        y = targets.view(B, T).to(device=device, dtype=torch.int64, non_blocking=True)
        yield x, y


def turn_about(corpus: Corpus, config: LoaderConfig) -> Iterator[list[Message]]:
    """Every world_size-th conversation, over and over."""
    while True:
        yield from islice(corpus.iter_conversations(config.split), config.rank, None, config.world_size)


def render(
    messages: Sequence[Message], tokenizer: tiktoken.Encoding, special: Mapping[str, int]
) -> tuple[list[int], list[int]]:
    """Token ids of a conversation, and a mask that is 1 where the assistant speaks."""
    ids, mask = [special["<|bos|>"]], [0]

    def add(tokens: list[int], supervised: int) -> None:
        ids.extend(tokens)
        mask.extend([supervised] * len(tokens))

    for message in messages:
        role = message["role"]
        learn = int(role == "assistant")
        add([special[f"<|{role}_start|>"]], 0)
        add(tokenizer.encode_ordinary(message["content"]), learn)
        add([special[f"<|{role}_end|>"]], learn)
    return ids, mask
