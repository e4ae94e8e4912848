"""Runs side by side: what differs, what is the same, and what cannot be compared and why. Pure.

The first document is what the others are compared with. Verdicts are compared wherever both were given;
speeds only where the machine, the data and the batch shape are the same and neither row is void.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from .compared import WORST_FIRST, Against, Comparison, Line, names_of
from .digest import SIGNS, one_line
from .units import count, figures, quantity, shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .document import Document, Finding, Memory, Subject, Throughput, Transfer

# Two fresh processes that run the same code differ by a standard deviation of 1.8 % that no repetition within
# them averages out, and two runs are such a pair: less than this is no difference that two runs can show.
MARGIN: Final = 0.05
_FEWEST = 5  # rounds on each side, from which there is an interval
_ABSENT = "\N{EN DASH}"


def compare(documents: Sequence[Document], names: Sequence[str]) -> Comparison:
    """Compare documents with the first of them; names tell them apart for the reader."""
    machines = _machines(documents)
    order = dict.fromkeys(name for document in documents for name in names_of(document))
    lines = [line for name in order for line in _subject_lines(name, documents)]
    lines.sort(key=lambda line: WORST_FIRST.index(line.change))
    return Comparison(tuple(names), tuple(documents), machines, tuple(lines))


def ratio(one: Throughput, other: Throughput) -> tuple[float, float, float] | None:
    """How many times as fast ``other`` is as ``one``: shift of the log rates and its 95 % interval.

    Hodges and Lehmann's estimate with Moses' distribution-free interval, in the normal approximation of its
    rank (M. Hollander, D. A. Wolfe, Nonparametric Statistical Methods, 4.2 and 4.3): the rounds of two runs
    are not pairs. None with fewer than five rounds on a side.
    """
    rates, others = one.samples_tokens_per_s, other.samples_tokens_per_s
    n, m = len(rates), len(others)
    if min(n, m) < _FEWEST:
        return None
    shifts = sorted(math.log(b / a) for a in rates for b in others)
    rank = max(1, math.floor(n * m / 2 - 1.96 * math.sqrt(n * m * (n + m + 1) / 12)))
    middle = (shifts[(n * m - 1) // 2] + shifts[n * m // 2]) / 2
    return math.exp(middle), math.exp(shifts[rank - 1]), math.exp(shifts[-rank])


def _machines(documents: Sequence[Document]) -> dict[str, tuple[str, ...]]:
    """The identity fields that are not the same everywhere."""
    fields = dict.fromkeys(field for document in documents for field in document.machine.identity)
    values = {
        field: tuple(one_line(document.machine.identity.get(field, _ABSENT), 60) for document in documents)
        for field in fields
    }
    return {field: each for field, each in values.items() if len(set(each)) > 1}


def _subject_lines(name: str, documents: Sequence[Document]) -> Iterator[Line]:
    found = [next((one for one in document.subjects if one.name == name), None) for document in documents]
    if None in found:
        first_lacks = found[0] is None
        lacking = tuple(
            Against("not comparable", "not in this run" if one is None else "not in the first run")
            if one is None or first_lacks
            else Against("same")
            for one in found[1:]
        )
        values = tuple(_ABSENT if one is None else one.status() for one in found)
        yield Line(name, "subject", "", values, lacking)
    if found[0] is None:
        return
    yield from _checks(name, found)
    yield from _throughput(name, found, documents)
    yield from _single(name, "memory", [one and _first(one.memory) for one in found], _memory, _leak)
    transfers = [one and _first(one.transfer) for one in found]
    yield from _single(name, "transfer", transfers, _transfer, lambda one: one.verdict.replace("_", " "))


def _first(rows: Sequence[Any]) -> Any:
    return rows[0] if rows else None


def _line(name: str, kind: str, what: str, values: Sequence[str], against: Sequence[Against]) -> Line:
    return Line(name, kind, what, tuple(values), tuple(against))


def _checks(name: str, found: Sequence[Subject | None]) -> Iterator[Line]:
    """A line for each check that is asked in the first document and another one."""
    tables = [{finding.id: finding for finding in one.checks} if one else {} for one in found]
    alone: dict[str, tuple[str, ...]] = {}
    for check in dict.fromkeys(check for table in tables for check in table):
        findings = [table.get(check) for table in tables]
        values = [f"{SIGNS[one.verdict]} {one.verdict}" if one else _ABSENT for one in findings]
        against = [
            _verdicts(findings[0], other) if here else Against("same")
            for other, here in zip(findings[1:], found[1:], strict=True)
        ]
        if all(one is not None for one, here in zip(findings, found, strict=True) if here):
            yield _line(name, "check", check, values, against)
        elif any(tables[0]) and any(any(table) for table in tables[1:]):
            alone[check] = tuple(values)
    if alone:
        asked = [
            f"{sum(values[at] != _ABSENT for values in alone.values())} asked" for at in range(len(found))
        ]
        why = f"asked in some runs only: {', '.join(list(alone)[:4])}{', ...' if len(alone) > 4 else ''}"
        against = [Against("not comparable", why) if one else Against("same") for one in found[1:]]
        yield _line(name, "check", f"{len(alone)} check{'s' * (len(alone) > 1)}", asked, against)


def _verdicts(one: Finding | None, other: Finding | None) -> Against:
    if one is None or other is None:
        return Against("not comparable", "not asked in both runs")
    if one.verdict == other.verdict:
        return (
            Against("not comparable", "unknown in both runs") if one.verdict == "unknown" else Against("same")
        )
    if other.verdict == "fail":
        return Against("worse", one_line(other.diagnosis or other.reason, 300))
    if "unknown" in {one.verdict, other.verdict}:
        return Against("not comparable", "stayed unknown in one run")
    if one.verdict == "fail":
        return Against("better", "" if other.verdict == "pass" else f"now {other.verdict}: {other.reason}")
    return Against("changed", one_line(other.reason, 300))


def _throughput(name: str, found: Sequence[Subject | None], documents: Sequence[Document]) -> Iterator[Line]:
    tables = [{(row.batch_size, row.seq_len): row for row in one.throughput} if one else {} for one in found]
    for size in dict.fromkeys(size for table in tables for size in table):
        rows = [table.get(size) for table in tables]
        if not any(row is not None and row.tokens_per_s for row in rows):
            continue
        against, values = [], [_rate(rows[0])]
        for row, document, here in zip(rows[1:], documents[1:], found[1:], strict=True):
            one, ends = _speeds(rows[0], row, documents[0], document) if here else (Against("same"), "")
            against.append(one)
            values.append(f"{_rate(row)} {ends}".strip())
        yield _line(name, "throughput", shape(*size), values, against)


def _rate(row: Throughput | None) -> str:
    if row is None or row.tokens_per_s is None:
        return _ABSENT
    return count(row.tokens_per_s) + (" (void)" if row.struck_by else "")


def _speeds(
    one: Throughput | None, other: Throughput | None, a: Document, b: Document
) -> tuple[Against, str]:
    """What the rates of two runs say, and the ratio with its interval where there is one."""
    why = _incomparable(one, other, a, b)
    if why or one is None or other is None:
        return Against("not comparable", why), ""
    found = ratio(one, other)
    if found is None:
        return Against("not comparable", f"fewer than {_FEWEST} rounds"), ""
    middle, low, high = found
    words = f"\N{MULTIPLICATION SIGN} {figures(middle)} ({figures(low)}\N{EN DASH}{figures(high)})"
    if high < 1 - MARGIN:
        return Against("worse", "slower"), words
    if low > 1 / (1 - MARGIN):
        return Against("better", "faster"), words
    return Against("same"), words


def _incomparable(one: Throughput | None, other: Throughput | None, a: Document, b: Document) -> str:
    """Why two rates may not be divided; empty if they may."""
    if one is None or other is None or one.tokens_per_s is None or other.tokens_per_s is None:
        return "not measured in both runs"
    if one.struck_by or other.struck_by:
        return f"void: fails {one.struck_by or other.struck_by}"
    if a.machine.identity != b.machine.identity:
        return "not the same machine"
    if a.data.get("fingerprint") != b.data.get("fingerprint"):
        return "not the same data"
    if a.config.get("device") != b.config.get("device"):
        return "not the same device"
    return ""


def _single(
    name: str,
    kind: str,
    rows: Sequence[Any],
    judge: Callable[[Any, Any], Against],
    words: Callable[[Any], str],
) -> Iterator[Line]:
    """The line of a measurement with a verdict of its own, where any run has one."""
    if all(row is None or row.verdict == "not_measured" for row in rows):
        return
    values = [_ABSENT if row is None else words(row) for row in rows]
    against = [Against("same") if row is None else judge(rows[0], row) for row in rows[1:]]
    yield _line(name, kind, "", values, against)


def _memory(one: Memory | None, other: Memory) -> Against:
    verdicts = [row.verdict if row else "not_measured" for row in (one, other)]
    if verdicts[1] == "leak" and verdicts[0] != "leak":
        return Against("worse", one_line(other.reason, 300))
    if "undecided" in verdicts:
        return Against("not comparable", "undecided in one run")
    if "not_measured" in verdicts:
        return Against("not comparable", "not measured in both runs")
    return Against("same") if verdicts[0] == verdicts[1] else Against("better", "no longer leaks")


def _leak(memory: Memory) -> str:
    growth = f" {quantity(memory.bytes_per_batch, 'B')}/batch" if memory.verdict == "leak" else ""
    return memory.verdict.replace("_", " ") + growth


def _transfer(one: Transfer | None, other: Transfer) -> Against:
    verdicts = [row.verdict if row else "not_measured" for row in (one, other)]
    if verdicts[1] == "fail" and verdicts[0] != "fail":
        return Against("worse", one_line(other.reason, 300))
    if "not_measured" in verdicts:
        return Against("not comparable", "not measured in both runs")
    return Against("same") if verdicts[0] == verdicts[1] else Against("better", "arrives intact now")
