"""What happened: the record of one scenario, as plain data that crosses a process border.

The child sends a :class:`Recorded` for every batch as it comes, so that a loader that hangs or
dies at batch 50 leaves 49 behind. :class:`Trace` is what the parent puts together.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from .scenario import Scenario

Array = npt.NDArray[Any]


class Tensor(msgspec.Struct, frozen=True, array_like=True):
    """A tensor as it was when it was yielded: values, and where in memory they lay.

    ``start`` and ``stop`` bound the memory it spans, in bytes.
    """

    data: bytes
    shape: tuple[int, ...]
    stored: str  # numpy dtype of ``data``
    dtype: str  # dtype of the tensor, in torch's words
    contiguous: bool = True
    device: str = "cpu"
    start: int = 0
    stop: int = 0
    kind: str = "tensor"  # or "array"

    def array(self) -> Array:
        """The values, read-only, in their shape."""
        return np.frombuffer(self.data, self.stored).reshape(self.shape)


class Recorded(msgspec.Struct, tag="batch"):
    """One yielded item.

    Attributes:
        problem: why it is no batch (then there are no tensors).
        run: which iteration over the loader (0, 1...) it belongs to.
        extras: keys of what else came with it.
        more: those of them that are integer tensors of the inputs' shape.
    """

    index: int
    run: int = 0
    form: str = ""
    problem: str = ""
    x: Tensor | None = None
    y: Tensor | None = None
    mask: Tensor | None = None
    input_mask: Tensor | None = None
    extras: list[str] = []
    more: dict[str, Tensor] = {}
    seconds: float = 0.0


class Changed(msgspec.Struct, tag="changed"):
    """A tensor the consumer still held was found changed."""

    batch: int
    field: str
    after: int  # batches yielded when it was noticed
    cells: int  # how many values differ
    total: int


class Saved(msgspec.Struct, tag="saved"):
    """A state, as it was when it was asked for.

    Attributes:
        at: batches the consumer had received by then, over all iterations.
        run: which iteration that was in.
        ended: whether that iteration had ended.
        state: pickled; empty if it could not be.
        size: bytes of it as JSON, or pickled where JSON cannot carry it.
        plain: whether JSON can carry it.
        error: what asking for it raised.
    """

    at: int
    run: int
    ended: bool = False
    state: bytes = b""
    size: int = 0
    plain: bool = False
    error: str = ""


class Note(msgspec.Struct, tag="note"):
    """A fact about the loader or the process, by name."""

    name: str
    value: Any


class End(msgspec.Struct, tag="end"):
    """How an iteration ended: stop, limit, error (with its traceback)."""

    run: int
    how: str
    error: str = ""
    traceback: str = ""
    where: str = ""  # factory, iter, next


Frame = Recorded | Changed | Saved | Note | End


class Trace(msgspec.Struct):
    """All of one scenario. ``how`` also knows deadline, died and refused, which no child can send."""

    scenario: Scenario
    batches: list[Recorded] = []
    changed: list[Changed] = []
    saved: list[Saved] = []
    notes: dict[str, Any] = {}
    ends: list[End] = []
    seconds: float = 0.0
    output: str = ""

    def add(self, frame: Frame) -> None:
        """Put one received frame in its place."""
        match frame:
            case Recorded():
                self.batches.append(frame)
            case Changed():
                self.changed.append(frame)
            case Saved():
                self.saved.append(frame)
            case Note():
                self.notes[frame.name] = frame.value
            case End():
                self.ends.append(frame)

    @property
    def end(self) -> End:
        """How the last iteration ended."""
        return self.ends[-1] if self.ends else End(run=0, how="died")

    @property
    def good(self) -> list[Recorded]:
        """The items that are batches."""
        return [batch for batch in self.batches if not batch.problem and batch.x is not None]

    def run(self, index: int) -> list[Recorded]:
        """The batches of one iteration over the loader."""
        return [batch for batch in self.good if batch.run == index]

    def state(self, at: int, ended: bool = False) -> Saved | None:
        """The state saved after so many batches, before or after the iteration had ended."""
        return next((one for one in self.saved if one.at == at and one.ended == ended), None)

    @property
    def broke(self) -> bool:
        """Whether the subject failed by itself: an error, a hang or a death."""
        return self.end.how in ("error", "deadline", "died")

    def fate(self) -> str:
        """In words, how it broke."""
        end, done = self.end, len(self.batches)
        if end.how == "error":
            return f"raised {end.error} in {end.where or 'next'} after {done} batches"
        if end.how in ("stop", "limit"):
            return f"ended after {done} batches"
        if end.how == "deadline":
            return f"did not finish within its deadline: no end to the wait after {done} batches"
        return f"ended its process ({end.error or 'no word why'}) after {done} batches"
