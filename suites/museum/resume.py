"""States that are taken too late, too early, not in full, or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ...loaders.contract import LoaderConfig
from ...loaders.corpus import Corpus
from .entry import PLANTED, exhibit, guard
from .resume_bases import RESUMABLE, LooksAhead, Resumable, State


@guard(PLANTED, stated=RESUMABLE)
class ResumesExactly(Resumable):
    """The base of the defects beside it."""


@exhibit("F1", "resume.every_k", "resume.no_repeat", stated=RESUMABLE)
class PlaceOfTheLastRefill(Resumable):
    """flaxchat#4: the state names what was fetched last, in units of four batches, not what was given."""

    def state_dict(self) -> State:  # noqa: D102
        return super().state_dict() | {"batch": self.given // 4 * 4}


@exhibit("F2", "resume.prefetch", "resume.every_k", stated=RESUMABLE)
class ProducersPlace(Resumable):
    """nanochat's base_train: the state is saved beside a batch that was fetched and not yet trained."""

    def state_dict(self) -> State:  # noqa: D102
        return super().state_dict() | {"batch": self.given + (self.given > 0)}


@exhibit(PLANTED, "resume.prefetch", "resume.every_k", stated=RESUMABLE)
class StateOfTheLookAhead(LooksAhead):
    """Three batches are fetched ahead, and the state names the last of them: a restart skips three."""

    def state_dict(self) -> State:  # noqa: D102
        return super().state_dict() | {"batch": max(self.given, self.fetched)}


@guard("F2", stated=RESUMABLE)
class StateOfTheConsumer(LooksAhead):
    """Three batches are fetched ahead, and the state is that of the one given, whatever is held."""


@exhibit("F3", "resume.every_k", stated=RESUMABLE)
class ItemInHandLost(Resumable):
    """torchtitan#3008: the document being cut up lives in a suspended frame, and no state holds it."""

    fetched = begun = 0

    def pieces(self) -> Iterator[list[int]]:  # noqa: D102
        for number, piece in enumerate(super().pieces()):
            if number >= self.begun:
                self.fetched = number + 1
                yield piece
        self.begun = 0

    def run(self, skipped: int) -> Iterator[Any]:  # noqa: ARG002, D102
        return super().run(0)

    def state_dict(self) -> State:  # noqa: D102
        return super().state_dict() | {"document": self.fetched if self.given else 0}

    def load_state_dict(self, state: State) -> None:  # noqa: D102
        super().load_state_dict(state)
        self.begun = self.fetched = state["document"]


@exhibit("F5", "resume.twice", stated=RESUMABLE)
class CountsFromTheRestore(Resumable):
    """torchtitan#3907: after a restore the counter begins at zero, so the second restore is wrong."""

    def run(self, skipped: int) -> Iterator[Any]:  # noqa: D102
        for batch in super().run(skipped):
            self.given -= skipped
            yield batch


@exhibit("F7", "resume.every_k", stated=RESUMABLE)
class EpochNotSaved(Resumable):
    """accelerate#2016: the right place in the wrong permutation, since the epoch is not in the state."""

    def load_state_dict(self, state: State) -> None:  # noqa: D102
        super().load_state_dict(state | {"epoch": self.epoch})


@exhibit("F8", "resume.every_k", "rng.isolated", stated=RESUMABLE)
class OrderFromGlobalState(Resumable):
    """transgenic#59: the order comes from the global generator, which no state of the loader holds."""

    def __init__(self, corpus: Corpus, config: LoaderConfig) -> None:
        super().__init__(corpus, config)
        np.random.seed([config.seed, config.epoch])

    def order(self, documents: list[list[int]]) -> Iterable[list[int]]:  # noqa: D102
        order = np.random.permutation(len(documents)) if self.config.shuffle else range(len(documents))
        return [documents[i] for i in order][self.config.rank :: self.config.world_size]


@exhibit("F9", "resume.epoch_edge", stated=RESUMABLE)
class EdgeTakenForFresh(Resumable):
    """data#1437: `skip = k % len`, so a save on the last batch of an epoch begins that epoch again."""

    def load_state_dict(self, state: State) -> None:  # noqa: D102
        super().load_state_dict(state)
        self.first %= sum(1 for _ in self.batches(self.pieces()))


@exhibit("F9", "resume.epoch_edge", stated=RESUMABLE)
class NothingBehindTheEnd(Resumable):
    """streaming#700: a state of the end is a place with nothing behind it, unless a new epoch is set."""

    ended = False

    def run(self, skipped: int) -> Iterator[Any]:  # noqa: D102
        self.ended = False
        yield from super().run(skipped)
        self.ended = True

    def state_dict(self) -> State:  # noqa: D102
        state = super().state_dict()
        return {**state, "epoch": self.epoch - 1, "batch": 10**6} if self.ended else state


@exhibit("F10", "resume.immediate", stated=RESUMABLE)
class StateFilledLazily(Resumable):
    """data#1251: what a state is made of is filled in when batches flow, and is empty after a restore."""

    flowing = False

    def run(self, skipped: int) -> Iterator[Any]:  # noqa: D102
        for batch in super().run(skipped):
            self.flowing = True
            yield batch

    def state_dict(self) -> State:  # noqa: D102
        return super().state_dict() | ({} if self.flowing else {"batch": 0})


@exhibit("F11", "resume.every_k", stated=RESUMABLE)
class StateIgnored(Resumable):
    """streaming#437: the state is applied to an object that nobody iterates over."""

    def load_state_dict(self, state: State) -> None:  # noqa: D102
        if state["bound"] != self.bound():
            raise ValueError("this state is of another run")


@exhibit("F11", "resume.after_break", stated=RESUMABLE)
class ResetByTheBreak(Resumable):
    """litData#213: breaking off closes the iterator, and closing puts the place back to the start."""

    def run(self, skipped: int) -> Iterator[Any]:  # noqa: D102
        try:
            yield from super().run(skipped)
        except GeneratorExit:
            self.given = 0
            raise


@exhibit("F12", "resume.ranks", stated=RESUMABLE)
class OneStateForAll(Resumable):
    """torchtitan#291: states of all ranks have one key, and the place of rank 0 is what stays."""

    def state_dict(self) -> State:  # noqa: D102
        return super().state_dict() | ({} if self.config.rank == 0 else {"batch": 1})


@exhibit("F13", "resume.topology", stated=RESUMABLE)
class NoGuardAtAll(Resumable):
    """bionemo-recipes#1250: a state of other ranks or another T is taken, and the order is another one."""

    def load_state_dict(self, state: State) -> None:  # noqa: D102
        super().load_state_dict(state | {"bound": self.bound()})


@exhibit("F14", "state.serialisable", stated=RESUMABLE)
class GeneratorInState(Resumable):
    """data#1404: a running generator is part of the state, and nothing can write it."""

    def state_dict(self) -> State:  # noqa: D102
        return super().state_dict() | {"items": iter(number for number in range(3))}


@exhibit(PLANTED, "state.serialisable", stated=RESUMABLE)
class LiveState(Resumable):
    """The state is the loader's own dictionary, which later batches change."""

    own: State | None = None

    def state_dict(self) -> State:  # noqa: D102
        self.own = {} if self.own is None else self.own
        self.own.update(super().state_dict())
        return self.own


@exhibit(PLANTED, "resume.next_epoch", stated=RESUMABLE)
class OnlyTheRemainder(Resumable):
    """What is skipped once is skipped in every epoch that follows."""

    def __iter__(self) -> Iterator[Any]:
        self.given = self.first
        return self.run(self.first)
