"""The raw token file: ids one after the other and nothing else, checked before it is trusted."""

from __future__ import annotations

import dataclasses
import mmap
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import DataError
from .contract import Option
from .windows import Tokens, check_length

if TYPE_CHECKING:
    from pathlib import Path

    from .contract import LoaderConfig
    from .corpus import Corpus

# Reading ahead serves a file that fits into memory: it is in there sooner. Where it does not fit, each
# page that is missing brings in many that nobody asked for, and those push out the ones in use.
ADVICE = Option(
    "normal",
    "of a map. normal: the system reads ahead; random: only the pages asked for, many times as fast for "
    "random windows of a file that does not fit into memory",
    choices=("normal", "random"),
)


@dataclasses.dataclass(frozen=True, slots=True)
class TokenFile:
    """One split's token file, found sound.

    Attributes:
        path: where it lies.
        dtype: width of one id.
        num_tokens: ids in it.
    """

    path: Path
    dtype: np.dtype[Any]
    num_tokens: int

    @classmethod
    def of(cls, corpus: Corpus, config: LoaderConfig) -> TokenFile:
        """The token file of ``config.split``, long enough for a row of ``config.seq_len``.

        The time this takes does not depend on the size of the file.

        Raises:
            DataError: no such file, an empty one, one that is no whole number of ids, that is
                shorter than a row or not as long as the corpus's description says.
        """
        path, dtype = corpus.token_file(config.split), corpus.token_dtype
        found = count_tokens(path, dtype)
        check_length(found, config.seq_len, str(path))
        stated = corpus.num_tokens(config.split)
        if stated not in (0, found):  # 0: the description does not say
            raise DataError(
                f"{path} holds {found} tokens of {dtype}, but the corpus says {stated}; was a copy "
                "cut short, or the file written with another dtype? Write the corpus again."
            )
        return cls(path, dtype, found)

    def read(self) -> Tokens:
        """All ids, (num_tokens,), in memory and in the file's own width."""
        return np.fromfile(self.path, self.dtype, self.num_tokens)

    def map(self, advice: str = "normal") -> Tokens:
        """All ids, (num_tokens,), as a read-only view of the file, read when they are touched.

        With the advice ``random`` a page that is missing is read alone, and not those around it
        (:data:`ADVICE`).

        The view is a plain array: a slice of an ``np.memmap`` builds an object of its class each
        time, which costs more than copying a row. The map, and the one descriptor it keeps, go
        with the last view of it.

        Raises:
            OSError: the file has gone.
            ValueError: the file has become shorter.
        """
        size = self.num_tokens * self.dtype.itemsize
        # Without a file object, which costs more than the map; this is done for every batch.
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            mapping = mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)
        finally:
            os.close(descriptor)
        if advice == "random":
            mapping.madvise(mmap.MADV_RANDOM)
        return np.frombuffer(mapping, self.dtype)


class ReadTokens:
    """The ids of a token file, opened, read where they are wanted and closed again, without a map.

    A map that lives for one batch costs a page fault for every row and the unmapping of what the
    faults brought in, together more than reading the rows.
    """

    def __init__(self, file: TokenFile) -> None:
        self._file = file

    def __len__(self) -> int:
        return self._file.num_tokens

    def windows(self, starts: npt.NDArray[np.int64], width: int) -> Tokens:
        """The windows of ``width`` ids that begin at ``starts``, (len(starts), width).

        Raises:
            OSError: the file has gone.
            ValueError: the file has become shorter.
        """
        file = self._file
        size = width * file.dtype.itemsize
        descriptor = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            rows = b"".join(
                [os.pread(descriptor, size, at) for at in (starts * file.dtype.itemsize).tolist()]
            )
        finally:
            os.close(descriptor)
        if len(rows) != len(starts) * size:
            raise ValueError(f"{file.path} has become shorter since it was opened.")
        return np.frombuffer(rows, file.dtype).reshape(len(starts), width)

    def span(self, first: int, count: int) -> Tokens:
        """The ``count`` ids from ``first`` on, (count,); raises as :meth:`windows`."""
        ids: Tokens = self.windows(np.array([first]), count)[0]
        return ids


def count_tokens(path: Path, dtype: np.dtype[Any]) -> int:
    """Ids in a raw token file, told from its size alone.

    Raises:
        DataError: no such file, an empty one, or one that is no whole number of ids.
    """
    if not path.is_file():
        raise DataError(
            f"the token file {path} does not exist; was the folder moved or only partly copied? "
            "Write the corpus again, or correct the path."
        )
    size = path.stat().st_size
    if size == 0:
        raise DataError(
            f"the token file {path} is empty; did the run that was to write it break off? "
            "Write the corpus again."
        )
    if size % dtype.itemsize:
        raise DataError(
            f"the token file {path} has {size} bytes, which is no whole number of {dtype} ids of "
            f"{dtype.itemsize} bytes; was it cut short, or is it of another dtype?"
        )
    return size // dtype.itemsize
