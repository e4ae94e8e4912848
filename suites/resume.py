"""Resume: does the restored stream go on where the uninterrupted one would have?"""

from __future__ import annotations

from collections import Counter

from .checks import Opinion, bad, check, ok, skip
from .evidence import Evidence, Missing
from .grading import EXACT, content, grade, judge_restores, pass_edges, places, promised, states_taken
from .resuming import BASE, END_ALONE, SECOND, name

STATE_BYTES = 1 << 20  # a state larger than this is not saved often


def _first_generation(evidence: Evidence) -> None:
    """Raises :class:`Missing` where plain restores are wrong: what builds on them says no more."""
    if resume_every_k(evidence).verdict == "fail":
        raise Missing("restores inside epochs are wrong already; see resume.every_k")


@check(
    "resume.every_k", "resume",
    "For each k, in epochs 0, 1 and 2, the restored stream equals the uninterrupted one from k+1 on.", BASE,
)  # fmt: skip
def resume_every_k(evidence: Evidence) -> Opinion:
    promised(evidence)
    ends = pass_edges(evidence)
    total = len(evidence.traces[BASE].good)
    inner = [p for p in places(evidence.traces[BASE]) if not p[2] and p[0] not in ends and p[0] < total]
    return judge_restores(
        evidence,
        [(name(at), at) for at, _, _ in inner],
        "inside epochs",
        "what was in flight at the save (a carried row, a buffer, an item in hand) is not in the state",
        "F1",
        passes=False,  # of the epochs after it resume.next_epoch speaks
    )


@check(
    "resume.epoch_edge", "resume", "Saves at the first, the last and the one-past-last batch are right.", BASE
)
def resume_epoch_edge(evidence: Evidence) -> Opinion:
    promised(evidence)
    edges = pass_edges(evidence)
    total = len(evidence.traces[BASE].good)
    found = [p for p in places(evidence.traces[BASE]) if p[0] in edges and p[0] < total]
    alone = evidence.traces.get(END_ALONE)
    if alone is not None and not alone.broke and not alone.good:
        return bad(
            "restored from the state at the end of a pass, the loader gives nothing, unless an epoch is set",
            "the state is a place with nothing behind it, not the beginning of the next pass",
            "F9",
        )
    return judge_restores(
        evidence,
        [(name(at, ended), at) for at, _, ended in found],
        "at the edges of epochs",
        "a state of a finished epoch is taken for a fresh or an invalid one",
        "F9",
    )


@check("resume.twice", "resume", "A second save and restore is as good as the first.", BASE)
def resume_twice(evidence: Evidence) -> Opinion:
    promised(evidence)
    _first_generation(evidence)
    total = len(evidence.traces[BASE].good)
    cases = [(f"{one}+{n}", at + n) for one, at in _firsts(evidence) for n in SECOND if at + n < total]
    return judge_restores(
        evidence,
        [(scenario, at) for scenario, at in cases if scenario in evidence.traces],
        "from a restored loader's state",
        "the first restore is right, the state taken after it is not: a counter begins at zero again, "
        "or the state is read from an orphaned copy",
        "F5",
        passes=False,
    )


@check(
    "resume.immediate", "resume",
    "A state asked for before the first batch, or right after a restore, is complete.", BASE,
)  # fmt: skip
def resume_immediate(evidence: Evidence) -> Opinion:
    promised(evidence)
    _first_generation(evidence)
    cases = [(f"{one}+0", at) for one, at in _firsts(evidence)]
    return judge_restores(
        evidence,
        [(name(0), 0), *((s, at) for s, at in cases if s in evidence.traces)],
        "right after a restore or before the first batch",
        "parts of the state are filled in only when batches flow",
        "F10",
        passes=False,
    )


def _firsts(evidence: Evidence) -> list[tuple[str, int]]:
    found = [p for p in places(evidence.traces[BASE]) if not p[2] and p[0] % 4 == 3]
    return [(name(at), at) for at, _, _ in found]


@check("resume.after_break", "resume", "A state taken after breaking off early is right.", BASE, "break")
def resume_after_break(evidence: Evidence) -> Opinion:
    promised(evidence)
    _first_generation(evidence)
    left = evidence.traces.get("break")
    if left is None or not left.saved:
        raise Missing("breaking off was not recorded")
    cause = "closing the iterator resets or advances what the state is read from"
    return judge_restores(evidence, [("break/resumed", left.saved[0].at)], "after breaking off", cause, "F11")


@check(
    "resume.no_repeat", "resume",
    "Across a restart no position is trained twice in a pass, and none is left out.", BASE,
)  # fmt: skip
def resume_no_repeat(evidence: Evidence) -> Opinion:
    exact = promised(evidence)
    if evidence.traits.passes != "one":
        return skip("an endless stream has no pass to account for")
    whole = content(evidence.traces[BASE].run(0))
    worst = ("", 0, 0)
    for at, run, ended in places(evidence.traces[BASE]):
        trace = evidence.traces.get(name(at, ended))
        if run or ended or trace is None or trace.broke:
            continue
        trained = Counter(whole[:at]) + Counter(content(trace.run(0)))
        twice = sum((trained - Counter(whole)).values())
        never = sum((Counter(whole) - trained).values())
        if twice + never > worst[1] + worst[2]:
            worst = (name(at), twice, never)
    if not worst[0] or not exact:
        return ok("each batch of a pass once, across a restart at every place", worst=worst[1] + worst[2])
    return bad(
        f"across the restart {worst[0]} {worst[1]} batches are trained twice or are strangers, "
        f"{worst[2]} not at all",
        "place and contents of the restored stream are not those of the broken one",
        "F1",
        scenario=worst[0],
    )


@check("resume.next_epoch", "resume", "The epoch after a resumed one is complete and freshly ordered.", BASE)
def resume_next_epoch(evidence: Evidence) -> Opinion:
    promised(evidence)
    _first_generation(evidence)
    if evidence.traits.passes != "one":
        return skip("an endless stream has no epochs")
    full = content(evidence.traces[BASE].run(1))
    for at, run, ended in places(evidence.traces[BASE]):
        trace = evidence.traces.get(name(at, ended))
        if run or ended or trace is None or trace.broke:
            continue
        got = content(trace.run(1))
        if got != full:
            short = len(got) < len(full)
            return bad(
                f"restored after {at} batches, the next epoch has {len(got)} batches, not {len(full)}"
                if short else f"restored after {at} batches, the next epoch is another one",
                "later epochs hold only the remainder of the resumed one" if short
                else "the epoch counter or its order is lost in the restore",
                "F7",
                at=at,
            )  # fmt: skip
    return ok(f"the next epoch has its {len(full)} batches, in its own order")


@check("resume.ranks", "resume", "Each rank restores its own place.", BASE)
def resume_ranks(evidence: Evidence) -> Opinion:
    promised(evidence)
    states_taken(evidence)
    _first_generation(evidence)
    if "saves/rank0" not in evidence.traces:
        return skip("ranks are not promised")
    for rank in (0, 1):
        whole = evidence.trace(f"saves/rank{rank}")
        inner = [saved.at for saved in whole.saved if not saved.ended]
        if not inner:
            return skip(f"rank {rank} gives only {len(whole.good)} batches, too few to save between them")
        at = inner[0]
        trace = evidence.traces.get(f"resume/rank{rank}")
        if trace is None or trace.broke:
            return bad(
                f"rank {rank} cannot restore its own state", "the state does not fit its own rank", "F12"
            )
        told = grade(content(whole.good), at, content(trace.good))
        if told != EXACT and at < len(whole.good):
            return bad(
                f"rank {rank}, restored after {at} batches, {told}",
                "states carry no rank: all begin at rank 0's place",
                "F12",
            )
    return ok("two ranks at uneven progress go on in their own places")


@check(
    "resume.topology", "resume",
    "A state of another rank count or T is refused, or handled as promised.", BASE,
)  # fmt: skip
def resume_topology(evidence: Evidence) -> Opinion:
    promised(evidence)
    told = []
    others = {"resume/other-world": "2 ranks in a world of 1", "resume/other-length": "another T"}
    for scenario, what in others.items():
        trace = evidence.traces.get(scenario)
        if trace is None:
            continue
        if trace.broke:
            told.append(f"{what}: refused")
        elif evidence.traits.resume == "topology":
            told.append(f"{what}: taken, as promised")
        else:
            return bad(
                f"a state of {what} was taken without a word",
                "nothing binds the state to what it was made with: the order is silently another one",
                "F13",
                scenario=scenario,
            )
    return ok("; ".join(told)) if told else skip("nothing to compare")


@check(
    "state.serialisable", "resume", "A state is plain data, independent of later progress, and small.", BASE
)
def state_serialisable(evidence: Evidence) -> Opinion:
    promised(evidence)
    trace = evidence.trace(BASE)
    broken = [saved for saved in trace.saved if saved.error]
    if broken or not trace.saved:
        why = broken[0].error if broken else "none was given"
        return bad(
            f"a state could not be taken: {why}", "it holds a generator, a lock or an open file", "F14"
        )
    if trace.notes.get("state_changed"):
        return bad(
            "a state that was taken changed when the loader went on",
            "the state holds the loader's own objects instead of copies",
            "F14",
        )
    largest = max(saved.size for saved in trace.saved)
    if largest > STATE_BYTES:
        return bad(
            f"the state has {largest} bytes", "the buffer or the data itself is copied into every state", "L3"
        )
    how = "JSON" if all(saved.plain for saved in trace.saved) else "pickle, not JSON"
    return ok(f"{how}, at most {largest} bytes", bytes=largest)
