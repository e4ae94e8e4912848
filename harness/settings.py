"""What the user asked for, in one place, checked."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ..errors import UsageError, did_you_mean
from ..loaders.contract import LoaderConfig
from ..suites.scenarios import Shape

CHECKS, THROUGHPUT, MEMORY, TRANSFER = PARTS = ("checks", "throughput", "memory", "transfer")
FEEDING = "feeding"  # a part too, but only where a step time is given
SCALING = "scaling"  # a part that is measured only where it is asked for
MAX_STEP_MS = 60_000.0
DEVICES = ("cpu", "cuda", "mps", "xpu")
QUICK_STRIDE = 8  # with --quick a resume is tried at every eighth batch
THOROUGH_SHAPES = ((12, 1024), (32, 1024), (64, 2048))


@dataclasses.dataclass(frozen=True)
class Effort:
    """How much is spent on measuring."""

    rounds: int
    slot_s: float
    memory_batches: int
    memory_s: float
    characters: int
    shrink_s: float  # on the smallest counterexamples of one subject


EFFORTS = {
    "quick": Effort(
        rounds=7, slot_s=0.08, memory_batches=1200, memory_s=8.0, characters=1_500_000, shrink_s=3.0
    ),
    "normal": Effort(
        rounds=11, slot_s=0.25, memory_batches=2000, memory_s=20.0, characters=6_000_000, shrink_s=8.0
    ),
    "thorough": Effort(
        rounds=15, slot_s=0.35, memory_batches=4000, memory_s=60.0, characters=12_000_000, shrink_s=20.0
    ),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """One command's settings; defaults are those of ``loadstone run``.

    Attributes:
        parts: which of checks, throughput, scaling, memory, transfer, feeding.
        batch_size, seq_len: None leaves 4 x 16 for checks and 12 x 1024 for measurements.
        effort: quick, normal or thorough.
        step_time: milliseconds that the emulated accelerator computes on a batch.
        only: check ids or families.
        command: the command line, for the report's "how to repeat".
    """

    subjects: tuple[str, ...] = ()
    parts: tuple[str, ...] = PARTS
    batch_size: int | None = None
    seq_len: int | None = None
    seed: int = 1337
    data: str | None = None
    dtype: str | None = None
    vocab_size: int | None = None
    device: str = "cpu"
    deadline_s: float = 20.0
    memory_limit: int = 0
    traits: tuple[tuple[str, Any], ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    step_time: float | None = None
    only: tuple[str, ...] = ()
    effort: str = "normal"
    folder: Path | None = None
    resume: bool = False
    command: str = ""

    @property
    def spent(self) -> Effort:
        """The effort in numbers."""
        return EFFORTS[self.effort]

    def check_shape(self) -> Shape:
        """The shape at which checks are asked."""
        stride = QUICK_STRIDE if self.effort == "quick" else 1
        return Shape(self.batch_size or 4, self.seq_len or 16, self.seed, stride)

    def measured_shapes(self) -> list[tuple[int, int]]:
        """(B, T) of the throughput rows."""
        if self.effort == "thorough" and self.batch_size is None and self.seq_len is None:
            return list(THOROUGH_SHAPES)
        return [(self.batch_size or 12, self.seq_len or 1024)]

    def validate(self) -> None:
        """Refuse what no loader could serve; raises :class:`~loadstone.errors.UsageError`."""
        if not 0 < self.deadline_s < float("inf"):
            raise UsageError(f"--deadline must be a number of seconds above 0, not {self.deadline_s:g}.")
        if self.resume and self.folder is None:
            raise UsageError("--resume needs the report folder of the interrupted run; give it with -o.")
        self._validate_data()
        self._validate_device()
        self._validate_step_time()
        shape = self.check_shape()
        LoaderConfig(
            batch_size=self.batch_size if self.batch_size is not None else shape.batch_size,
            seq_len=self.seq_len if self.seq_len is not None else shape.seq_len,
            seed=self.seed,
        )

    def _validate_data(self) -> None:
        told = {"dtype": self.dtype, "vocab-size": self.vocab_size}
        for name, value in told.items():
            if self.data is None and value is not None:
                raise UsageError(f"--{name} {value} says how --data is stored; give --data too, or omit it.")

    def _validate_device(self) -> None:
        kind, colon, number = self.device.partition(":")
        if kind not in DEVICES:
            hint = did_you_mean(kind, DEVICES, "devices")
            raise UsageError(f"there is no device {self.device!r}; {hint}")
        if colon and not number.isdecimal():
            raise UsageError(f"--device {self.device!r} has no number after the colon; write {kind}:0.")

    def _validate_step_time(self) -> None:
        step, asked = self.step_time, FEEDING in self.parts
        if asked and step is None:
            raise UsageError("feeding needs the time of a step: give --step-time with milliseconds.")
        if step is None:
            return
        if not 0 < step <= MAX_STEP_MS:  # nan is neither
            raise UsageError(
                f"--step-time must be milliseconds above 0 and up to {MAX_STEP_MS:g}, not {step:g}."
            )
        if not asked:
            raise UsageError(
                f"--step-time {step:g} measures feeding, which --only {' '.join(self.parts)} leaves out; "
                "write --only feeding, or omit one of the two."
            )

    def plain(self) -> dict[str, Any]:
        """As plain data, for the document and to know an interrupted run again."""
        left_out = ("folder", "resume", "command")
        values = dataclasses.asdict(self)
        return {name: value for name, value in values.items() if name not in left_out}
