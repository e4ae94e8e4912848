"""Scenarios of transfer: the same stream sent to a device that stands in for CUDA, under each schedule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from .scenario import Scenario

if TYPE_CHECKING:
    from .scenarios import Planner

BATCHES = 8
# Of them, on CUDA, before the kernel: the first use of a stream or of a kernel waits for all that is queued.
WARM = 2
# What is asked: schedule (see the scenario's field), and whether the consumer holds its batches.
PROMPT, LATE, BUSY = "transfer/prompt", "transfer/late", "transfer/busy"
DROPPED, DROPPED_BUSY = "transfer/dropped", "transfer/dropped-busy"
NO_DEVICE, CUDA, IDLE = "transfer/none", "transfer/cuda", "transfer/cuda-idle"
ASKED = {
    PROMPT: ("prompt", True), LATE: ("late", True), BUSY: ("busy", True),
    DROPPED: ("late", False), DROPPED_BUSY: ("busy", False), NO_DEVICE: ("none", True), CUDA: ("cuda", True),
    IDLE: ("cuda-idle", True),
}  # fmt: skip


def always(planner: Planner) -> Iterator[Scenario]:
    """What every loader is asked, annotated or not."""
    main = planner.main()
    for name, (schedule, held) in ASKED.items():
        device = "cpu" if schedule == "none" else "cuda"
        asked = planner.ask(name, main, batches=BATCHES, hold=BATCHES * held, device=device)
        yield msgspec.structs.replace(asked, schedule=schedule)
