"""Documents that meet without a separator, with two, or with one where none belongs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ...loaders.corpus import Message
from .entry import PLANTED, exhibit
from .row_bases import CHATS, DOCUMENTS, Chats, Documents
from .token_bases import SEQUENTIAL, Pair, Sequential

SEPARATED = DOCUMENTS | {"separator": "bos"}


@exhibit("H10", "bos.once", stated=SEPARATED)
class TwoBos(Documents):
    """DeepSeek-R1#151: the template begins with BOS, and the tokenizer adds one before it."""

    def pieces(self) -> Iterator[list[int]]:  # noqa: D102
        return ([self.bos, *piece] for piece in super().pieces())


@exhibit("H11", "bos.once", stated=CHATS | {"separator": "bos"})
class BosForgotten(Chats):
    """marin#7179: special tokens are switched off on the path of chats, whose template has no BOS."""

    def render(self, messages: list[Message]) -> tuple[list[int], list[int]]:  # noqa: D102
        ids, mask = super().render(messages)
        return ids[1:], mask[1:]


@exhibit(PLANTED, "bos.once", stated=CHATS | {"separator": "bos"})
class BeginsOneTooFar(Chats):
    """The place a stream begins at is one token too far: its first document has no BOS."""

    begun = False

    def render(self, messages: list[Message]) -> tuple[list[int], list[int]]:  # noqa: D102
        (ids, mask), skipped = super().render(messages), int(not self.begun)
        self.begun = True
        return ids[skipped:], mask[skipped:]


@exhibit("H12", "doc.separator", stated=SEPARATED)
class Glued(Documents):
    """mistral#90: documents are concatenated as they are; texts seem to begin in mid-sentence."""

    def pieces(self) -> Iterator[list[int]]:  # noqa: D102
        return (piece[1:] for piece in super().pieces())


@exhibit(PLANTED, "doc.separator", stated=DOCUMENTS | {"separator": "eos"})
class EndNeverPut(Documents):
    """An EOS after each document is stated; what stands there is a BOS before the next."""


@exhibit("H13", "special.positions", stated=SEPARATED | {"overlap": None, "row_overlap": None})
class SpecialsByLine(Documents):
    """transformers#10737: specials are added to every line, and the lines are joined afterwards."""

    def pieces(self) -> Iterator[list[int]]:  # noqa: D102
        for piece in super().pieces():
            for start in range(1, max(2, len(piece)), 10):
                yield [self.bos, *piece[start : start + 10]]


@exhibit("D4", "special.roundtrip", stated=SEQUENTIAL)
class SeparatorWraps(Sequential):
    """distillm#14: the separator is kept in 16 bits; in wider files it becomes another number."""

    def open(self) -> npt.NDArray[Any]:  # noqa: D102
        bos, ids = self.corpus.special["<|bos|>"], super().open()
        return np.where(ids == bos, bos & 0xFFFF, ids)


@exhibit(
    "B12", "doc.boundary_target", stated=SEPARATED | {"loss": "crop", "overlap": None, "row_overlap": None}
)
class TaughtToEndWhereCut(Documents):
    """modded-nanogpt: text past a limit is left out, and BOS becomes the target of the last token kept."""

    def pieces(self) -> Iterator[list[int]]:  # noqa: D102
        return (piece[: self.T + 1] for piece in super().pieces())


@exhibit(PLANTED, "doc.boundary_target", stated=SEPARATED | {"mask": "end-of-document", "ignore_index": -100})
class EndsTrainedAllTheSame(Documents):
    """Targets across a join are stated to be ignored, and are not."""


@exhibit(PLANTED, "doc.boundary_target", stated=SEPARATED | {"ignore_index": -100})
class EndsNeverLearned(Documents):
    """The target of each document's last token is ignored, though nothing is stated to be masked."""

    def pair(self, ids: list[int]) -> Pair:  # noqa: D102
        x, y = super().pair(ids)
        return x, torch.where(y == self.bos, -100, y)


@exhibit(
    "H15", "doc.positions", stated=SEPARATED | {"joins": "isolated", "overlap": None, "row_overlap": None}
)
class PositionsRunOn(Documents):
    """nanoVLM#204: documents are packed and stated as isolated, but positions count the whole row."""

    def pair(self, ids: list[int]) -> Any:  # noqa: D102
        x, y = super().pair(ids)
        places = torch.arange(self.T).expand(len(x), -1).contiguous()
        return {"input_ids": x, "labels": y, "position_ids": places}


@exhibit("H15", "doc.positions", stated=SEPARATED)
class DocumentIdsLate(Documents):
    """functionary#265 in spirit: document ids change one token after the document does."""

    def pair(self, ids: list[int]) -> Any:  # noqa: D102
        x, y = super().pair(ids)
        numbers = torch.roll((x == self.bos).long(), 1, dims=1).cumsum(dim=1)
        return {"input_ids": x, "labels": y, "document_ids": numbers}
