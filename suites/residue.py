"""What a loader leaves behind: descriptors, mappings, threads, processes, shared memory, Arrow's pool.

A loader is opened, used and dropped many times in each way, and what it holds is counted after the
second use and after the last. What is made once, a pool of threads or a library, is there by the second;
what has grown by one or more with every use since is left behind.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from .checks import Opinion, bad, check, ok, skip
from .evidence import Evidence, Missing
from .scenario import Scenario

USES, WORKER_USES = 7, 4  # of each way; with workers, which take a tenth of a second to start
SHORT = 50  # short iterations over one loader
EXIT_S, KILLED_S = 5.0, 12.0  # to end; torch's workers ask every five seconds whether their parent lives
COUNTED = ("file descriptors", "mapped files", "threads", "child processes", "shared-memory segments",
           "bytes of the Arrow pool")  # fmt: skip
FILES, MAPS, THREADS, CHILDREN, SEGMENTS, ARROW = range(6)
ARROW_ALIGNED = 64  # bytes, the least that the pool gives
NAMES = ("probe/residue", "probe/residue/workers")

Counts = dict[str, list[list[int]]]


def scenarios(short: Scenario, *, endless: bool, workers: bool) -> Iterator[Scenario]:
    """From one on a short corpus: how it is used up, and how a process that uses it ends."""
    used = msgspec.structs.replace(short, name=NAMES[0], probe="residue", leave=int(endless))
    yield used
    yield msgspec.structs.replace(short, name="probe/leaving", probe="leaving")
    if workers:
        config = {**short.config, "num_workers": 2}
        yield msgspec.structs.replace(used, name=NAMES[1], config=config)
        yield msgspec.structs.replace(short, name="probe/leaving/workers", probe="leaving", config=config)


def grown(counts: list[list[int]], place: int, uses: int) -> int:
    """By how much one count grew, if that is one or more (of Arrow's pool: an allocation) with every use."""
    early, late = counts[0][place], counts[1][place]
    least = uses * (ARROW_ALIGNED if place == ARROW else 1)
    return late - early if late - early >= least else 0


def _asked(evidence: Evidence) -> list[tuple[str, Counts, int]]:
    """What was counted in each scenario that was recorded, and over how many uses."""
    found = []
    for name, uses in ((NAMES[0], USES - 2), (NAMES[1], WORKER_USES - 1)):
        trace = evidence.traces.get(name)
        if trace is not None and "residue" in trace.notes:
            found.append(("with two workers " * (name == NAMES[1]), trace.notes["residue"], uses))
    if not found:
        trace = evidence.traces.get(NAMES[0])
        if trace is None:
            raise Missing("not asked of this loader")
        raise Missing(f"it could not be used up: {trace.notes.get('probe') or trace.fate()}")
    return found


def _left_behind(evidence: Evidence, place: int, diagnosis: str, resembles: str = "") -> Opinion:
    """The opinion on one of the counts."""
    asked = _asked(evidence)
    for workers, counted, uses in asked:
        for way, counts in counted.items():
            more = grown(counts, place, uses)
            if more:
                early, late = counts[0][place], counts[1][place]
                return bad(
                    f"each use {workers}that ends with {way} leaves {more / uses:,.3g} of the "
                    f"{COUNTED[place]} behind: {early:,} at first, {late:,} after {uses} more uses",
                    diagnosis,
                    resembles,
                    way=way,
                    before=early,
                    after=late,
                    uses=uses,
                )
    ways = ", ".join(dict.fromkeys(way for _, counted, _ in asked for way in counted))
    return ok(f"as many after {asked[0][2]} more uses as before, each ended with {ways}")


@check(
    "res.fds", "resources", "File descriptors are closed after exhaustion, break, exception, close and drop.",
    *NAMES,
)  # fmt: skip
def res_fds(evidence: Evidence) -> Opinion:
    if res_threads(evidence).verdict == "fail":
        return skip("threads stay, with what they hold; see res.threads")
    if res_shm(evidence).verdict == "fail":
        return skip("shared memory stays open; see res.shm")
    return _left_behind(
        evidence,
        FILES,
        "a file is opened for each pass and closed only where the pass runs to its end, if ever",
    )


@check("res.maps", "resources", "Mapped files are unmapped again, however the use of a loader ended.", *NAMES)
def res_maps(evidence: Evidence) -> Opinion:
    if res_fds(evidence).verdict == "fail":
        return skip("files stay open, which keeps their maps; see res.fds")
    if res_threads(evidence).verdict == "fail" or res_shm(evidence).verdict == "fail":
        return skip("what stays of threads or shared memory is mapped; see res.threads and res.shm")
    return _left_behind(
        evidence,
        MAPS,
        "each map is kept by something that outlives the loader: a cache, a global, a cycle",
    )


@check("res.threads", "resources", "Threads end, however the use of a loader ended.", *NAMES)
def res_threads(evidence: Evidence) -> Opinion:
    return _left_behind(
        evidence, THREADS, "a thread waits on a queue that nobody reads any more, and nobody tells it to stop"
    )


@check("res.children", "resources", "Child processes end, however the use of a loader ended.", *NAMES)
def res_children(evidence: Evidence) -> Opinion:
    return _left_behind(
        evidence, CHILDREN, "worker processes are told to end only where a pass runs to its end, or never"
    )


@check("res.shm", "resources", "Shared-memory segments are given back, however the use ended.", *NAMES)
def res_shm(evidence: Evidence) -> Opinion:
    return _left_behind(
        evidence, SEGMENTS, "a segment is made for each loader, and is neither closed nor unlinked with it"
    )


@check("mem.arrow_pool", "resources", "The bytes of Arrow's pool go back to what they were.", *NAMES)
def mem_arrow_pool(evidence: Evidence) -> Opinion:
    asked = _asked(evidence)
    used = any(count[ARROW] for _, ways, _ in asked for pair in ways.values() for count in pair)
    if not used and evidence.traits.reads == "tokens":
        return skip("nothing is read through Arrow")
    return _left_behind(
        evidence, ARROW, "a table, or a NumPy view of one, is kept by something that outlives the loader"
    )


@check("res.reiterate", "resources", "Fifty short iterations over one loader leave nothing behind.", NAMES[0])
def res_reiterate(evidence: Evidence) -> Opinion:
    trace = evidence.traces.get(NAMES[0])
    if trace is None or "reiterated" not in trace.notes:
        raise Missing("it could not be iterated over many times")
    others = (res_fds, res_maps, res_threads, res_children, res_shm, mem_arrow_pool)
    if any(other(evidence).verdict == "fail" for other in others):
        return skip("it leaves something behind with every loader, used once or often; see the other checks")
    counts, uses = trace.notes["reiterated"], SHORT - SHORT // 5
    for place, name in enumerate(COUNTED):
        more = grown(counts, place, uses)
        if more:
            return bad(
                f"{more / uses:,.3g} {name} stay behind with every short iteration: {counts[0][place]:,} "
                f"after {SHORT - uses}, {counts[1][place]:,} after {SHORT}",
                "what an iteration opens belongs to the loader, which keeps it until it ends itself",
                counted=name,
                before=counts[0][place],
                after=counts[1][place],
            )
    return ok(f"nothing of six kinds grows over {SHORT} iterations of two batches")


@check(
    "res.exit", "resources", "A process ends in time after a break or an exception, its children with it.",
    "probe/leaving", "probe/leaving/workers",
)  # fmt: skip
def res_exit(evidence: Evidence) -> Opinion:
    found = {
        name: evidence.traces[name].notes["leaving"]
        for name in ("probe/leaving", "probe/leaving/workers")
        if name in evidence.traces and "leaving" in evidence.traces[name].notes
    }
    if not found:
        raise Missing("not asked of this loader, or it could not be opened again")
    for told in found.values():
        for how, what in told.items():
            if what and how == "a kill" and res_children(evidence).verdict == "fail":
                return skip("child processes stay even where nothing is killed; see res.children")
            if what:
                return bad(
                    f"after {how} a process that used the loader {what}"
                    if how != "a kill" else f"when a process that used the loader is killed, {what}",
                    "a thread that is no daemon, or an exit hook, waits for a consumer that is gone"
                    if how != "a kill" else "workers do not ask whether their parent lives",
                    how=how,
                )  # fmt: skip
    return ok(
        f"ended in time after {', '.join(dict.fromkeys(how for told in found.values() for how in told))}"
    )
