"""Determinism: seeds, epochs and foreign draws do to the stream what they should, and no more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .checks import Opinion, bad, check, ok, skip
from .evidence import Evidence
from .trace import Recorded


def _content(batches: Sequence[Recorded]) -> list[bytes]:
    return [(b.x.data if b.x else b"") + (b.y.data if b.y else b"") for b in batches]


def _same(left: Sequence[Recorded], right: Sequence[Recorded]) -> int:
    """Index of the first batch that differs; -1 if none does."""
    pairs = zip(_content(left), _content(right), strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), -1)


def _random_order(evidence: Evidence) -> bool:
    return evidence.traits.order in ("windows", "shuffled", "reordered")


@check(
    "seed.same", "determinism", "Two fresh processes with one seed give identical streams.", "pass", "again"
)
def seed_same(evidence: Evidence) -> Opinion:
    first, second = evidence.trace("pass").run(0), evidence.trace("again").good
    differs = _same(first, second)
    if differs < 0:
        return ok(f"{min(len(first), len(second))} batches equal in two processes")
    if not evidence.stated:
        return skip(
            f"the streams differ from batch {differs} on; no `order` or seed is promised", observed=False
        )
    return bad(
        f"two processes with one seed differ from batch {differs} on",
        "randomness comes from a generator that nobody seeds, or from time, hashing or threads",
        "E3",
        batch=differs,
    )


@check(
    "seed.diff", "determinism", "Two seeds give different streams where the order is random.",
    "pass", "other-seed",
)  # fmt: skip
def seed_diff(evidence: Evidence) -> Opinion:
    first, second = evidence.trace("pass").run(0), evidence.trace("other-seed").good
    if _same(first, second) >= 0:
        return ok("two seeds, two streams") if _random_order(evidence) else skip("the streams differ by seed")
    if not _random_order(evidence):
        return skip("order is not random, so the seed has nothing to do")
    return bad(
        f"seeds {evidence.traces['pass'].scenario.config['seed']} and "
        f"{evidence.traces['other-seed'].scenario.config['seed']} give the same {len(second)} batches",
        "the seed is not passed to the generator, or is overwritten",
        "E2",
    )


@check(
    "rng.isolated", "determinism",
    "Draws of others from the global random states do not change the stream, nor the stream them.",
    "again", "draws",
)  # fmt: skip
def rng_isolated(evidence: Evidence) -> Opinion:
    trace = evidence.trace("draws")
    differs = _same(evidence.trace("again").good, trace.good)
    moved = evidence.trace("again").notes.get("global_generators_moved") or []
    stated = evidence.traits.rng
    seen = "global" if differs >= 0 or moved else "own"
    if stated == "global":
        return skip("draws from the global generator, as stated", observed=seen)
    if stated is None:
        return skip(f"`rng` is not stated; observed: {seen}", observed=seen)
    if seen == "own":
        return ok("foreign draws change nothing, and no global generator moves")
    return bad(
        f"the stream changes from batch {differs} on when others draw" if differs >= 0
        else f"the loader moves the global generator of {', '.join(moved)}",
        "starts or permutations are drawn from the global generator: a dropout layer or a sampler "
        "elsewhere changes the data, and a resume cannot repeat it",
        "F8",
        generators=moved,
    )  # fmt: skip


@check(
    "epoch.reshuffle", "determinism",
    "With shuffle on, another epoch holds the same positions in another order.", "pass", "epoch",
)  # fmt: skip
def epoch_reshuffle(evidence: Evidence) -> Opinion:
    if not _random_order(evidence):
        return skip("order is not random")
    if evidence.traits.passes != "one":
        return skip("an endless stream of draws has no epochs")
    first, other = evidence.trace("pass"), evidence.trace("epoch")
    if _same(first.run(0), other.run(0)) < 0:
        return bad(
            "epoch 1 gives the batches of epoch 0 again",
            "the epoch does not reach the generator: one permutation made once",
            "E6",
        )
    if evidence.traits.order == "windows":
        return ok("another epoch, other draws")
    missing = _seen(evidence, "pass") ^ _seen(evidence, "epoch")
    config = first.scenario.config
    budget = 4 * int(config["batch_size"]) * int(config["seq_len"])  # the tail of each, in x and in y
    if len(missing) <= budget:
        return ok("another epoch, another order, the same positions")
    return bad(
        f"epochs differ in {len(missing)} positions", "an epoch is not a pass over the same items", "E6"
    )


def _seen(evidence: Evidence, name: str) -> set[int]:
    positions = [p.ravel() for p in evidence.positions(evidence.trace(name).run(0), name)]
    return set(np.concatenate(positions).tolist()) - {-1, -2}
