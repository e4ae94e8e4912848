"""torchdata's ``StatefulDataLoader`` over a token file: map-style, shuffled, resumed exactly.

The library's state holds how far it got. What it leaves to its user is done here: the epoch, which no
distributed sampler saves, and which corpus, shape and rank the state belongs to, so that another one
is refused. ``bound=false`` leaves that out, and ``sampler=`` chooses among the library's own ways to
shuffle, to see them as they are; docs/findings.md says what the checks found in each.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DistributedSampler
from torchdata.stateful_dataloader import StatefulDataLoader  # type: ignore[import-untyped]
from torchdata.stateful_dataloader.sampler import RandomSampler, StatefulDistributedSampler  # type: ignore[import-untyped]

from ..contract import LoaderConfig, Option, loader, spec_of
from ..saved_state import State, binding, unbind
from ..token_file import TokenFile
from .torch_dataloader import (
    FETCH,
    WORKERS,
    Batches,
    WindowBatches,
    Windows,
    as_it_is,
    mixed,
    settings,
    sharing,
    workers_of,
)

if TYPE_CHECKING:
    from ..corpus import Corpus


SAMPLER = Option(
    "distributed",
    "distributed: torch's DistributedSampler, on one rank too; stateful: torchdata's own; "
    "random: shuffle=True with a generator (on one rank)",
    choices=("distributed", "stateful", "random"),
)
BOUND = Option(True, "whether a state says what it belongs to, so that another one is refused")


@dataclasses.dataclass
class Stateful(Batches):
    """A ``StatefulDataLoader`` and what its states belong to; its order is drawn on from one seed."""

    bound: State

    def __post_init__(self) -> None:
        self.generator.manual_seed(mixed(self.config.seed, self.config.epoch))

    def state_dict(self) -> State:
        """The library's state, and what it is bound to."""
        return {"bound": self.bound, "loader": self.batches.state_dict()}  # type: ignore[attr-defined]

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where ``state`` was taken, from the next ``iter()`` on.

        Raises:
            ValueError: a state of another corpus, shape or rank.
        """
        place = unbind(state, self.bound, {"loader": {}})
        self.batches.load_state_dict(place["loader"])  # type: ignore[attr-defined]


class StatefulEpochs(Stateful):
    """The same with an epoch to set, which the library's state does not hold."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.set_epoch(self.config.epoch)

    def set_epoch(self, epoch: int) -> None:
        """Order the next pass by (seed, epoch)."""
        self.epoch = epoch
        if isinstance(self.batches.sampler, DistributedSampler):
            self.batches.sampler.set_epoch(epoch)

    def state_dict(self) -> State:
        """The library's state, the epoch, and what they are bound to."""
        return {**super().state_dict(), "epoch": self.epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where ``state`` was taken; raises as :meth:`Stateful.load_state_dict`."""
        super().load_state_dict(state)
        self.set_epoch(unbind(state, self.bound, {"epoch": 0})["epoch"])


def ordering(windows: Windows, config: LoaderConfig, sampler: str) -> dict[str, Any]:
    """How the order is chosen, as arguments of the loader."""
    if sampler == "random" and config.world_size == 1:
        return {"shuffle": config.shuffle}
    kind: type[DistributedSampler[int]] = (
        StatefulDistributedSampler if sampler == "stateful" else DistributedSampler
    )
    return {"sampler": sharing(windows, config, kind)}


@loader(
    reads="tokens",
    order="shuffled",
    passes="one",
    targets="shifted",
    row_overlap=1,
    joins="flow",
    loss="tail",
    mask="none",
    shape="fixed",
    short_last=True,  # with drop_last=False
    x_dtype="int64",
    y_dtype="int64",
    batch="fresh",
    rng="own",
    resume="exact",
    ranks="disjoint",
    rank_batches="equal",
    repeats=True,  # with drop_last=False the distributed sampler evens ranks out
    workers=True,
    options={"workers": WORKERS, "fetch": FETCH, "sampler": SAMPLER, "bound": BOUND},
)
def stateful(corpus: Corpus, config: LoaderConfig) -> Stateful:
    """Batches x, y, int64 (B, T), of windows in random order, each once a pass."""
    chosen = spec_of(stateful).check_options(config.options, "adapters.stateful")
    whole = chosen.get("fetch") == "batches"
    file, generator = TokenFile.of(corpus, config), torch.Generator()
    windows = (WindowBatches if whole else Windows)(file, config.seq_len)
    how = settings(config, generator) | ordering(windows, config, chosen.get("sampler", SAMPLER.default))
    if whole:
        how["collate_fn"] = as_it_is
    batches = StatefulDataLoader(windows, **how)
    bound = binding(
        "adapters.stateful", corpus, config,
        seed=config.seed, shuffle=config.shuffle, drop_last=config.drop_last, workers=workers_of(config),
    )  # fmt: skip
    drawn_on = isinstance(batches.sampler, RandomSampler)  # which knows no epoch
    kind = Stateful if drawn_on else StatefulEpochs
    return kind(batches, generator, config, bound if chosen.get("bound", True) else {})
