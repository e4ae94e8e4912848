"""Token ids and offsets that do not fit their integer type."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from .entry import PLANTED, exhibit
from .row_bases import DOCUMENTS, Documents
from .token_bases import SEQUENTIAL, WINDOWS, Ints, Pair, Sequential, Windows


@exhibit("D1", "dtype.edges", stated=WINDOWS)
class StoredInSixteenBits(Windows):
    """LLM-Shearing#65: ids above 65535 come back as small ones (70000 as 4464)."""

    def row(self, start: int, length: int) -> torch.Tensor:  # noqa: D102
        return torch.from_numpy(self.ids[start : start + length].astype(np.uint16).astype(np.int64))


@exhibit("D1", "dtype.edges", stated=DOCUMENTS)
class DocumentsInSixteenBits(Documents):
    """datatrove#118: the same while documents are written."""

    def documents(self) -> list[list[int]]:  # noqa: D102
        return [[token % 65536 for token in ids] for ids in super().documents()]


@exhibit("D3", "dtype.edges", stated=WINDOWS)
class WidthAssumed(Windows):
    """llm-foundry#1254: the reader takes every file for uint16, whatever it was written in."""

    def open(self) -> npt.NDArray[Any]:  # noqa: D102
        return np.memmap(self.corpus.token_file(self.config.split), np.uint16, mode="r")


@exhibit("D2", "vocab.range", stated=WINDOWS)
class ReadAsSigned(Windows):
    """datatrove#118: unsigned ids are read as signed, so 40000 becomes -25536."""

    def open(self) -> npt.NDArray[Any]:  # noqa: D102
        signed = f"i{self.corpus.token_dtype.itemsize}"
        return np.memmap(self.corpus.token_file(self.config.split), signed, mode="r")


@exhibit(PLANTED, "vocab.range", stated=WINDOWS)
class IgnoredInputs(Windows):
    """The value that marks an ignored target stands in the inputs too, where no embedding has it."""

    def batch(self, starts: Ints) -> Pair:  # noqa: D102
        x, y = self.inputs(starts), self.inputs(starts + 1)
        x[:, -1] = y[:, -1] = -100
        return x, y


@exhibit("D5", "dtype.index_width", stated=WINDOWS)
class WrappedByteOffset(Windows):
    """gpt-neox#835: byte offsets are held in 32 bits, so past 4 GiB reading begins at the front again."""

    def row(self, start: int, length: int) -> torch.Tensor:  # noqa: D102
        width = self.ids.itemsize
        return super().row(start * width % 2**32 // width, length)


@exhibit("D5", "dtype.index_width", stated=WINDOWS)
class SignedTokenOffset(Windows):
    """Megatron-LM#1672: a signed 32-bit index turns negative past 2**31 tokens."""

    def starts(self) -> Ints:  # noqa: D102
        return (super().starts() + 2**31) % 2**32 - 2**31

    def row(self, start: int, length: int) -> torch.Tensor:  # noqa: D102
        file, dtype = self.corpus.token_file(self.config.split), self.corpus.token_dtype
        ids = np.fromfile(file, dtype, length, offset=start * dtype.itemsize)
        return torch.from_numpy(ids.astype(np.int64))


@exhibit("D5", "dtype.index_width", stated=WINDOWS)
class BoundInThirtyTwoBits(Windows):
    """nanotron#182: the number of tokens is capped at 2**31 - 1, so the far half is never drawn."""

    def starts(self) -> Ints:  # noqa: D102
        return self.rng.integers(0, min(len(self.ids), 2**31 - 1) - self.T, self.B)


@exhibit("D5", "dtype.index_width", stated=SEQUENTIAL)
class WrappedRankOffset(Sequential):
    """gpt-neox#493: rank times batch times row is multiplied in 32 bits."""

    def start(self, index: int) -> int:  # noqa: D102
        return super().start(index) % 2**31
