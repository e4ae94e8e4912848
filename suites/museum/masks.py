"""Losses that fall on the wrong words."""

from __future__ import annotations

import numpy as np
import torch

from ...loaders.corpus import Message
from .entry import PLANTED, exhibit
from .row_bases import CHATS, PAIRS, Chats, Pairs
from .token_bases import Ints


@exhibit("H1", "mask.roles", stated=CHATS)
class MaskLost(Chats):
    """nanochat#570: a rewrite drops the mask, and the model is trained on what users say."""

    def targets(self, ids: Ints, mask: Ints) -> Ints:  # noqa: ARG002, D102
        return ids[1:]


@exhibit("H2", "mask.aligned", "mask.roles", stated=CHATS)
class MaskOneLate(Chats):
    """verl#3287: the mask is applied in input coordinates; the first answer token is never trained."""

    def targets(self, ids: Ints, mask: Ints) -> Ints:  # noqa: D102
        return np.where(mask[:-1] == 1, ids[1:], -100)


@exhibit("H2", "mask.aligned", stated=CHATS)
class EndNotLearned(Chats):
    """torchtitan#2755: the end of a turn is left out of the loss, and the model never stops."""

    def targets(self, ids: Ints, mask: Ints) -> Ints:  # noqa: D102
        y = super().targets(ids, mask)
        return np.where(y == self.corpus.special["<|assistant_end|>"], -100, y)


@exhibit("H2", "mask.aligned", stated=CHATS)
class FirstTokenNotLearned(Chats):
    """OpenRLHF#973: the span begins one token in, so nothing teaches how an answer begins."""

    def render(self, messages: list[Message]) -> tuple[list[int], list[int]]:  # noqa: D102
        ids, mask = super().render(messages)
        return ids, [flag and before for flag, before in zip(mask, [0, *mask], strict=False)]


@exhibit(PLANTED, "mask.roles", stated=CHATS)
class RolesSwapped(Chats):
    """The mask is turned round: trained is what the user says, ignored what the assistant answers."""

    def render(self, messages: list[Message]) -> tuple[list[int], list[int]]:  # noqa: D102
        ids, mask = super().render(messages)
        return ids, [1 - flag for flag in mask]


@exhibit("H9", "mask.padding", stated=PAIRS)
class MaskOneLong(Pairs):
    """The mask is made from the length before the cut, so the first padded cell counts as real."""

    def padded(self, rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:  # noqa: D102
        ids, mask = super().padded(rows)
        return ids, torch.cat([mask[:, :1], mask[:, :-1]], dim=1)


@exhibit("H9", "mask.padding", stated=PAIRS)
class MaskOneShort(Pairs):
    """The last real token of every row is masked with the padding."""

    def padded(self, rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:  # noqa: D102
        ids, mask = super().padded(rows)
        return ids, torch.cat([mask[:, 1:], torch.zeros_like(mask[:, :1])], dim=1)


@exhibit("H9", "mask.padding", stated=PAIRS)
class NoMaskAtAll(Pairs):
    """Rows are padded, and nothing says where."""

    def collate(self, rows: list[tuple[str, str]]) -> dict[str, torch.Tensor]:  # noqa: D102
        whole = super().collate(rows)
        return {name: whole[name] for name in ("input_ids", "target_ids")}
