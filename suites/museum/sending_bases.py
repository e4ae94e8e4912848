"""Correct loaders that send their batches to the device, so that a defect beside them is a line or two."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from .token_bases import Ints, Pair, Windows


class Sent(Windows):
    """Each batch from pinned memory of its own, in a copy that does not wait."""

    def batch(self, starts: Ints) -> Any:  # noqa: D102
        x, y = super().batch(starts)
        return self.send(x, y) if self.config.device.startswith("cuda") else (x, y)

    def send(self, x: torch.Tensor, y: torch.Tensor) -> Pair:
        """The batch on the device."""
        device = self.config.device
        return x.pin_memory().to(device, non_blocking=True), y.pin_memory().to(device, non_blocking=True)


class OwnStream(Sent):
    """One batch ahead on a stream of its own, in a mapping with a mapping inside."""

    stream: Any = None

    def __iter__(self) -> Iterator[Any]:
        if not self.config.device.startswith("cuda"):
            yield from (self.packed(x, y) for x, y in super().__iter__())
            return
        self.stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        ahead = self.queue()
        while True:
            sent, ahead = ahead, self.queue()
            self.wait(sent)
            self.record(sent)
            yield sent

    def packed(self, x: torch.Tensor, y: torch.Tensor) -> dict[str, Any]:
        """One batch as it is given."""
        return {"input_ids": x, "labels": y, "more": {"twice": 2 * x}}

    def queue(self) -> dict[str, Any]:
        """The next batch, its copies queued."""
        x, y = Windows.batch(self, self.starts())
        with torch.cuda.stream(self.stream):
            sent = self.packed(x, y)
            inner = {name: self.move(part) for name, part in sent["more"].items()}
            return {"input_ids": self.move(x), "labels": self.move(y), "more": inner}

    def move(self, part: torch.Tensor) -> torch.Tensor:
        """One tensor on its way."""
        return part.pin_memory().to(self.config.device, non_blocking=True)

    def wait(self, sent: Any) -> None:  # noqa: ARG002
        """Let the consumer's stream wait for the copies."""
        torch.cuda.current_stream().wait_stream(self.stream)

    def record(self, sent: Any) -> None:
        """Tell the allocator that the consumer's stream reads what was made on this one."""
        for part in (*sent.values(), *sent["more"].values()):
            if isinstance(part, torch.Tensor):
                part.record_stream(torch.cuda.current_stream())
