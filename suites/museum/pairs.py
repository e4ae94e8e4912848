"""Prompts and responses that do not belong together, or never end."""

from __future__ import annotations

import numpy as np

from .entry import PLANTED, exhibit
from .row_bases import PAIRS, Pairs


@exhibit(PLANTED, "pairs.matched", stated=PAIRS)
class ShuffledApart(Pairs):
    """Prompts and responses are shuffled by two draws: every answer is to another question."""

    def rows(self) -> list[tuple[str, str]]:  # noqa: D102
        rows = super().rows()
        order = np.random.default_rng(self.config.seed).permutation(len(rows))
        return [(prompt, rows[i][1]) for (prompt, _), i in zip(rows, order, strict=True)]


@exhibit(PLANTED, "pairs.matched", stated=PAIRS)
class OneRowOff(Pairs):
    """A header row is counted on one side only, so each prompt gets the response before its own."""

    def rows(self) -> list[tuple[str, str]]:  # noqa: D102
        rows = super().rows()
        return [(prompt, rows[i - 1][1]) for i, (prompt, _) in enumerate(rows)]


@exhibit("H7", "pairs.end", stated=PAIRS)
class EndCutOff(Pairs):
    """The end is put on before the cut, so every long response loses it and never stops."""

    def response(self, text: str) -> list[int]:  # noqa: D102
        return [*self.encode(text), self.eos][: self.config.seq_len]


@exhibit("H7", "pairs.end", stated=PAIRS)
class EndMaskedWithPadding(Pairs):
    """transformers#23530: padding is the end token, and the loss leaves out every one of them."""

    def response(self, text: str) -> list[int]:  # noqa: D102
        return [self.pad if token == self.eos else token for token in super().response(text)]


@exhibit(PLANTED, "shape.bt", stated=PAIRS)
class EndAddedAfterTheCut(Pairs):
    """The end is put on after the cut to T, so every long response is one wider than the model takes."""

    def response(self, text: str) -> list[int]:  # noqa: D102
        return [*self.encode(text)[: self.config.seq_len], self.eos]


@exhibit(PLANTED, "mem.bounded", stated=PAIRS | {"holds": "buffer"})
class EveryPairHeld(Pairs):
    """Stated as holding no more than a buffer, it lists every prompt and response to shuffle them."""
