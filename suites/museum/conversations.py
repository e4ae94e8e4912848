"""Conversations cut, forged, packed and masked in ways that nobody meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from ...loaders.contract import LoaderConfig
from ...loaders.corpus import Corpus, Message
from .entry import PLANTED, exhibit
from .row_bases import CHATS, PAIRS, Chats, Pairs
from .token_bases import Ints

ROWS = CHATS | {
    "joins": "isolated", "overlap": None, "row_overlap": None, "loss": "truncation", "padding_side": "right",
}  # fmt: skip


@exhibit("B14", "conv.overlong", stated=CHATS)
class LimitWrittenIn(Chats):
    """nanochat#817: conversations end after 1,024 tokens, whatever T is."""

    def render(self, messages: list[Message]) -> tuple[list[int], list[int]]:  # noqa: D102
        ids, mask = super().render(messages)
        return ids[:1024], mask[:1024]


@exhibit("B13", "conv.overlong", stated=CHATS)
class OverlongDropped(Chats):
    """nanochat#803: what is too long for a row never leaves, here by being passed over."""

    def render(self, messages: list[Message]) -> tuple[list[int], list[int]]:  # noqa: D102
        ids, mask = super().render(messages)
        return (ids, mask) if len(ids) < 130 + self.T else ([], [])


@exhibit("B4", "conv.fragment", stated=CHATS | {"order": None, "overlap": None, "row_overlap": None})
class RestPutBack(Chats):
    """trl#5075: what does not fit is put back as a conversation of its own, without its prompt."""

    def __init__(self, corpus: Corpus, config: LoaderConfig) -> None:
        super().__init__(corpus, config)
        self.rest: list[tuple[list[int], list[int]]] = []

    def render(self, messages: list[Message]) -> tuple[list[int], list[int]]:  # noqa: D102
        ids, mask = super().render(messages)
        again, self.rest = self.rest, [([ids[0], *ids[40:]], [0, *mask[40:]])] if len(ids) > 40 else []
        for more, flags in again:
            ids, mask = ids[:40] + more, mask[:40] + flags
        return (ids, mask) if again else (ids[:40], mask[:40])


@exhibit(
    "B4", "trunc.accounted", stated=CHATS | {"loss": "truncation"}, options={"max_tokens": 0}
)  # fmt: skip
class CutUncounted(Chats):
    """trl#4632: tokens past the limit are cut, and the statistics know of none."""

    def render(self, messages: list[Message]) -> tuple[list[int], list[int]]:  # noqa: D102
        ids, mask = super().render(messages)
        limit = self.config.option("max_tokens", 0) or len(ids)
        return ids[:limit], mask[:limit]

    def stats(self) -> dict[str, int]:
        """Nothing, as far as is known."""
        return {"truncated_tokens": 0}


@exhibit("H14", "special.injection", stated=CHATS)
class ContentForgesTurns(Chats):
    """renderers#116: content is encoded with special tokens allowed, so it can open turns of its own."""

    def render(self, messages: list[Message]) -> tuple[list[int], list[int]]:  # noqa: D102
        special, encoding = self.corpus.special, self.corpus.tokenizer
        ids, mask = [special["<|bos|>"]], [0]
        for message in messages:
            role, learn = message["role"], int(message["role"] == "assistant")
            body = encoding.encode(message["content"], allowed_special="all")
            ids += [special[f"<|{role}_start|>"], *body, special[f"<|{role}_end|>"]]
            mask += [0, *[learn] * (len(body) + 1)]
        return ids, mask


@exhibit("H14", "special.injection", stated=PAIRS)
class SpelledTextRefused(Pairs):
    """Long-Context-Data-Engineering#14: one stray spelling of a control token ends the whole run."""

    def __init__(self, corpus: Corpus, config: LoaderConfig) -> None:
        super().__init__(corpus, config)
        self.encode = corpus.tokenizer.encode


@exhibit("H3", "mask.survives_packing", stated=CHATS, options={"packing": False})
class MaskDiesInPacking(Chats):
    """trl#3728: the mask is a column that packing does not carry, so packed rows train on everything."""

    def targets(self, ids: Ints, mask: Ints) -> Ints:  # noqa: D102
        return ids[1:] if self.config.option("packing", False) else super().targets(ids, mask)


@exhibit("H4", "mask.nonempty", stated=ROWS)
class PromptFillsTheRow(Chats):
    """trl#3927: a row holds one conversation, cut on the right: of long prompts nothing is learned."""

    def __iter__(self) -> Iterator[Any]:
        pad, rows = self.corpus.special["<|pad|>"], []
        while True:
            for messages in self.corpus.iter_conversations(self.config.split):
                ids, mask = (np.array(part) for part in self.render(messages))
                missing = (0, max(0, self.T + 1 - len(ids)))
                ids, mask = np.pad(ids, missing, constant_values=pad), np.pad(mask, missing)
                rows.append((ids[: self.T], self.targets(ids, mask)[: self.T]))
                if len(rows) == self.B:
                    x, y = (torch.from_numpy(np.stack(side)) for side in zip(*rows, strict=True))
                    yield x, y
                    rows = []


@exhibit("H8", "mask.nonempty", stated=CHATS)
class MarkerNotFound(Chats):
    """unsloth#1290: the marker of an answer tokenises otherwise in its context; nothing is supervised."""

    def render(self, messages: list[Message]) -> tuple[list[int], list[int]]:  # noqa: D102
        ids, mask = super().render(messages)
        return ids, [0] * len(mask)


@exhibit("H7", "mask.eos_supervised", stated=CHATS)
class PaddingMaskedByValue(Chats):
    """transformers#23530: every target that equals the pad id is ignored, and the end has the same id."""

    def targets(self, ids: Ints, mask: Ints) -> Ints:  # noqa: D102
        y = super().targets(ids, mask)
        return np.where(y == self.corpus.special["<|pad|>"], -100, y)


@exhibit("H7", "mask.eos_supervised", stated=PAIRS)
class PairsMaskedByValue(Pairs):
    """trl#976: the mask of the responses is made by comparing ids with the pad id."""

    def padded(self, rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:  # noqa: D102
        ids, _ = super().padded(rows)
        return ids, (ids != self.pad).long()


@exhibit(PLANTED, "trunc.accounted", stated=PAIRS)
class TruncationCountedTwice(Pairs):
    """Tokens cut off are counted where they are cut, and again where the row is padded."""

    cut = 0

    def prompt(self, text: str) -> list[int]:  # noqa: D102
        ids = super().prompt(text)
        self.cut += 2 * (len(text) - len(ids))
        return ids

    def stats(self) -> dict[str, int]:
        """Tokens cut, so it is said."""
        return {"truncated_tokens": self.cut}


@exhibit(PLANTED, "mem.bounded", stated=CHATS | {"holds": "buffer"})
class AllRenderedFirst(Chats):
    """Stated as holding no more than a buffer, it renders every conversation before the first batch."""

    def __iter__(self) -> Iterator[Any]:
        self.rendered = [self.render(m) for m in self.corpus.iter_conversations(self.config.split)]
        yield from super().__iter__()
