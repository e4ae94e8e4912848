"""What arrived on the device beside what was sent: which batches differ, where, and from what it looks."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from .late_device.poison import POISON
from .trace import Recorded, Tensor

Array = npt.NDArray[np.integer]

UNARRIVED = "unarrived"  # what the memory held before any copy
REPLACED = "replaced"  # wholly what another batch held
TORN = "torn"  # partly so
OTHER = "other"


@dataclasses.dataclass(frozen=True)
class Damage:
    """One field of one batch that arrived as something else; ``other`` is the batch it looks like."""

    batch: int
    field: str
    kind: str
    cells: int
    total: int
    other: int = -1


def damages(sent: Sequence[Recorded], arrived: Sequence[Recorded]) -> list[Damage]:
    """Every field of every batch, both streams being as long as the shorter of them."""
    found: list[Damage] = []
    for index, (one, got) in enumerate(zip(sent, arrived, strict=False)):
        theirs = dict(parts(got))
        for field, tensor in parts(one):
            damage = _compare(sent, index, field, tensor, theirs.get(field))
            if damage is not None:
                found.append(damage)
    return found


def parts(batch: Recorded) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of a batch by its name."""
    for name in ("x", "y", "mask", "input_mask"):
        tensor = getattr(batch, name)
        if tensor is not None:
            yield name, tensor
    yield from batch.more.items()


def _compare(
    sent: Sequence[Recorded], index: int, field: str, wanted: Tensor, got: Tensor | None
) -> Damage | None:
    a = wanted.array()
    if got is None or got.array().shape != a.shape:
        return Damage(index, field, OTHER, a.size, a.size)
    b = got.array()
    differs = a != b
    cells = int(differs.sum())
    if not cells:
        return None
    if _poisoned(b[differs]):
        return Damage(index, field, UNARRIVED, cells, a.size)
    for other, batch in enumerate(sent):
        tensor = dict(parts(batch)).get(field)
        if other == index or tensor is None or tensor.array().shape != b.shape:
            continue
        c = tensor.array()
        if (c == b).all():
            return Damage(index, field, REPLACED, cells, a.size, other)
        if (c[differs] == b[differs]).all():
            return Damage(index, field, TORN, cells, a.size, other)
    return Damage(index, field, OTHER, cells, a.size)


def _poisoned(values: Array) -> bool:
    """Whether all of them are what untouched memory holds, of some width and widened since."""
    first = int(values.flat[0])
    words = {int.from_bytes(bytes([POISON]) * width, "little") for width in (1, 2, 4, 8)}
    return first in words and bool((values == first).all())


def told(found: Sequence[Damage]) -> str:
    """The first of them in words, and how many there are."""
    batches = sorted({damage.batch for damage in found})
    fields = sorted({damage.field for damage in found})
    first = found[0]
    like = {
        UNARRIVED: "holds what was in the memory before",
        REPLACED: f"is that of batch {first.other}",
        TORN: f"is partly that of batch {first.other}",
        OTHER: "holds something else",
    }[first.kind]
    return (
        f"{len(batches)} batches arrived wrong ({', '.join(fields)}); {first.field} of batch {first.batch} "
        f"{like} ({first.cells} of {first.total} values)"
    )
