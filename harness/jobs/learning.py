"""Putting a batch through the parts every language model has, forward and backward."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from ...loaders.batch import Batch, normalise
from ...suites.trace import Note

if TYPE_CHECKING:
    from .record import Recorder

CELLS = 48  # of the batch, so that the logits over a whole vocabulary stay small
WIDTH = 4
IGNORED = (-100, -1)  # values of ignored targets that are tried besides those found in y


def consumed(recorder: Recorder) -> str:
    """Try each value an ignored target may have; the note ``consumed`` says what came of each."""
    item = next(iter(recorder.loader))
    batch = normalise(item, recorder.config.seq_len)
    rows = max(1, CELLS // max(1, batch.x.shape[-1]))
    x, y = batch.x[:rows], _targets(batch)[:rows]
    vocabulary = recorder.vocab_size
    found = {int(value) for value in set(y.flatten().tolist()) if value < 0}
    outcome = {str(value): _learn(x, y, vocabulary, value) for value in sorted({*IGNORED, *found})}
    outside = not 0 <= int(x.long().min()) <= int(x.long().max()) < vocabulary
    outside |= int(y.long().max()) >= vocabulary
    recorder.channel.send(Note("consumed", outcome))
    recorder.channel.send(Note("consumed_outside", bool(outside)))
    return ""


def _targets(batch: Batch) -> torch.Tensor:
    return batch.x.long() if batch.y is None else batch.y  # without y the caller makes the targets


def _learn(x: torch.Tensor, y: torch.Tensor, vocabulary: int, ignored: int) -> str:
    """Embedding, linear layer, cross-entropy and their gradients; "" for well, else the error."""
    torch.manual_seed(0)
    embedding, head = nn.Embedding(vocabulary, WIDTH), nn.Linear(WIDTH, vocabulary)
    try:
        hidden = embedding(x)
        if x.shape != y.shape:  # pairs: the response is told from the prompt as a whole
            hidden = hidden.mean(dim=1, keepdim=True).expand(*y.shape, WIDTH)
        loss = functional.cross_entropy(
            head(hidden).reshape(-1, vocabulary), y.reshape(-1), ignore_index=ignored, reduction="sum"
        )
        torch.autograd.backward(loss)
    except Exception as error:  # noqa: BLE001 - whatever torch says is the answer
        return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return "" if torch.isfinite(loss) else f"the loss is {loss.item()}"
