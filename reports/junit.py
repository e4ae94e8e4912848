"""The document as JUnit XML, which agrees with the exit code: red exactly where the code is not 0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .digest import EXITS, command, one_line, plain
from .document import Document, Finding, GateRow, Memory, Subject, Throughput, Transfer, write_beside
from .measured_words import memory_words
from .units import interval, rate, shape

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from junitparser import JUnitXml, TestCase, TestSuite

Outcome = Literal["passed", "failure", "error", "skipped"]
_CHECKS: dict[str, Outcome] = {
    "pass": "passed",
    "fail": "failure",
    "unknown": "error",
    "skip": "skipped",
    "waived": "skipped",
}
_MEMORY: dict[str, Outcome] = {
    "clean": "passed",
    "leak": "failure",
    "undecided": "error",
    "not_measured": "skipped",
}
_GATE: dict[str, Outcome] = {
    "fine": "passed",
    "regressed": "failure",
    "inconclusive": "error",
    "not_comparable": "error",
    "waived": "skipped",
    "skipped": "skipped",
}
_TRANSFER: dict[str, Outcome] = {"pass": "passed", "fail": "failure", "not_measured": "skipped"}


@dataclass(frozen=True)
class Case:
    """One testcase before it is XML."""

    name: str
    outcome: Outcome
    message: str = ""
    text: str = ""
    seconds: float = 0.0


def write_junit(document: Document, path: Path) -> None:
    """Write the JUnit XML, whole or not at all.

    Raises:
        UsageError: the file cannot be written.
    """
    write_beside(path, render_junit(document))


def render_junit(document: Document) -> bytes:
    """Return one suite a subject: a case for each check and measurement, seed and machine as properties."""
    from junitparser import JUnitXml

    xml = JUnitXml("loadstone")
    outcomes = set()
    for name, cases in _suites(document):
        outcomes |= {case.outcome for case in cases}
        xml.add_testsuite(_suite(document, one_line(name, 200), cases))
    run = _run_case(document, outcomes)
    if run is not None:
        xml.add_testsuite(_suite(document, "loadstone", [run]))
    return _bytes(xml)


def _suites(document: Document) -> Iterator[tuple[str, list[Case]]]:
    """Every suite by its name: a subject of a run, or of a gate."""
    for subject in document.subjects:
        yield subject.name, subject_cases(subject)
    rows = document.gate.rows if document.gate is not None else []
    for name in dict.fromkeys(row.subject for row in rows):
        yield name, [_gate_row(row) for row in rows if row.subject == name]


def _gate_row(row: GateRow) -> Case:
    label = "waived: " if row.outcome == "waived" else ""
    text = row.reason if row.outcome != "skipped" else ""
    return Case(f"gate {row.measure}", _GATE[row.outcome], label + row.reason, text, row.seconds)


def subject_cases(subject: Subject) -> list[Case]:
    """Every case of one subject: its checks, then throughput, memory and transfer."""
    cases = [_check(finding) for finding in subject.checks]
    cases += [_throughput(row) for row in subject.throughput]
    cases += [_memory(row) for row in subject.memory]
    cases += [_transfer(row) for row in subject.transfer]
    return cases


def _check(finding: Finding) -> Case:
    label = "waived: " if finding.verdict == "waived" else ""
    details = [finding.reason, finding.diagnosis and f"Likely cause: {finding.diagnosis}"]
    details.append(finding.smallest and f"Smallest case: {finding.smallest}")
    details.append(finding.resembles and f"Resembles: {finding.resembles}")
    text = "\n".join(filter(None, details))
    return Case(finding.id, _CHECKS[finding.verdict], label + finding.reason, text, finding.seconds)


def _throughput(row: Throughput) -> Case:
    """A speed cannot fail by itself; a row that a failed check voids is skipped, and its check is red."""
    name = f"throughput {shape(row.batch_size, row.seq_len)}"
    if row.tokens_per_s is None:
        return Case(name, "skipped", row.reason or "not measured")
    if row.struck_by:
        return Case(name, "skipped", f"void: fails {row.struck_by}")
    spread = interval(row.tokens_per_s, row.low, row.high)
    return Case(name, "passed", text=f"{rate(row.tokens_per_s)} ({spread}, n = {row.rounds} rounds)")


def _memory(row: Memory) -> Case:
    name = f"memory {shape(row.batch_size, row.seq_len)}" if row.batch_size else "memory"
    return Case(
        name, _MEMORY[row.verdict], row.reason or memory_words(row), row.where and f"Held at {row.where}"
    )


def _transfer(row: Transfer) -> Case:
    name = f"transfer {shape(row.batch_size, row.seq_len)}" if row.batch_size else "transfer"
    return Case(name, _TRANSFER[row.verdict], row.reason or "not measured")


def _run_case(document: Document, outcomes: set[Outcome]) -> Case | None:
    """A case for what the exit code tells and no subject's case does: interrupted, nothing judged, ..."""
    told = 1 if "failure" in outcomes else 10 if "error" in outcomes else 0
    if document.exit_code in {told, 0}:
        return None
    meaning = EXITS.get(document.exit_code, "unknown exit code")
    outcome: Outcome = "failure" if document.exit_code == 1 else "error"
    return Case("run", outcome, f"exit {document.exit_code}: {meaning}")


def _suite(document: Document, name: str, cases: list[Case]) -> TestSuite:
    from junitparser import TestSuite

    suite = TestSuite(name)
    suite.timestamp = one_line(document.created, 40)
    facts = {"seed": document.seed, "exit_code": document.exit_code, "command": command(document)}
    if document.gate is not None:
        facts |= {"base": document.gate.base.commit, "head": document.gate.head.commit}
    facts |= {f"machine.{key}": value for key, value in document.machine.identity.items()}
    for key, value in facts.items():
        suite.add_property(one_line(key, 80), one_line(value, 400))
    suite.add_testcases([_testcase(name, case) for case in cases])
    return suite


def _testcase(suite: str, case: Case) -> TestCase:
    from junitparser import Error, Failure, Skipped, TestCase

    made = TestCase(one_line(case.name, 200), suite, case.seconds)
    message, text = one_line(case.message, 600), plain(case.text)
    if case.outcome == "passed":
        if text:
            made.system_out = text
        return made
    kinds = {"failure": Failure, "error": Error, "skipped": Skipped}
    result = kinds[case.outcome](message)
    if text and case.outcome != "skipped":
        result.text = text
    made.result = [result]
    return made


def _bytes(xml: JUnitXml) -> bytes:
    from io import BytesIO

    xml.update_statistics()  # type: ignore[no-untyped-call]  # junitparser leaves it untyped
    out = BytesIO()
    xml.write(out, pretty=True)
    return out.getvalue()
