"""JUnit XML, read back with the library's own reader: it agrees with the document and its code."""

from __future__ import annotations

import pytest
import sample_documents as samples
from junitparser import JUnitXml
from loadstone.errors import UsageError
from loadstone.reports.junit import render_junit, write_junit


def kinds(xml: JUnitXml) -> set[str]:
    return {type(case.result[0]).__name__ if case.result else "Passed" for suite in xml for case in suite}


def cases(xml: JUnitXml) -> dict[tuple[str, str], object]:
    return {(case.classname, case.name): case for suite in xml for case in suite}


@pytest.mark.parametrize("name", samples.EVERY)
def test_it_is_red_exactly_where_the_code_is_not_zero(name, tmp_path):
    document = samples.EVERY[name]()
    write_junit(document, tmp_path / "junit.xml")
    xml = JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    assert bool(kinds(xml) & {"Failure", "Error"}) == (document.exit_code != 0)
    assert ("Failure" in kinds(xml)) == (document.exit_code == 1)
    assert xml.tests == sum(len(suite) for suite in xml) > 0


def test_every_check_and_measurement_of_every_subject_is_a_case():
    document = samples.red()
    found = cases(JUnitXml.fromstring(render_junit(document)))
    for subject in document.subjects:
        for finding in subject.checks:
            assert (subject.name, finding.id) in found
        assert (subject.name, "throughput 12 \N{MULTIPLICATION SIGN} 1024") in found
    rows = [len(s.checks) + len(s.throughput) + len(s.memory) + len(s.transfer) for s in document.subjects]
    assert len(found) == sum(rows)


@pytest.mark.parametrize(
    ("subject", "case", "kind", "message"),
    [
        ("textbook.parquet_stream", "coverage.buffer_flush", "Failure", "81 of 1000 rows never appear"),
        ("stuck", "end.finite", "Failure", "did not finish within 20 s"),
        ("stuck", "throughput 12 × 1024", "Skipped", "did not finish within 20 s"),  # noqa: RUF001
        ("leaky", "memory 12 × 1024", "Failure", "leaks 197 kB/batch"),  # noqa: RUF001
        ("leaky", "resume.every_k", "Skipped", "not promised"),
        ("leaky", "transfer", "Skipped", "no CUDA device"),
        ("doubtful", "seed.same", "Error", "the second process was killed"),
        ("doubtful", "memory", "Error", "the floors neither rise"),
        ("textbook.memmap_per_batch", "rng.isolated", "Skipped", "waived: draws globally on purpose"),
        ("double_shift.py:my_loader", "throughput 12 × 1024", "Skipped", "void: fails shift.exact"),  # noqa: RUF001
        (samples.NASTY, "batch.type", "Failure", "raised ValueError: <script>"),
    ],
)
def test_what_is_not_well_says_why(subject, case, kind, message):
    (result,) = cases(JUnitXml.fromstring(render_junit(samples.red())))[subject, case].result
    assert type(result).__name__ == kind
    assert message in result.message


def test_a_failure_tells_the_cause_and_properties_tell_seed_and_machine():
    xml = JUnitXml.fromstring(render_junit(samples.red()))
    failure = cases(xml)["textbook.parquet_stream", "shift.exact"].result[0]
    assert "Likely cause: targets are two positions on" in failure.text
    facts = {entry.name: entry.value for entry in next(iter(xml)).properties()}
    assert facts["seed"] == "1234"
    assert facts["exit_code"] == "1"
    assert facts["machine.torch"] == "2.13.0"


@pytest.mark.parametrize(("code", "kind"), [(1, "Failure"), (2, "Error"), (3, "Error"), (10, "Error")])
def test_a_code_that_no_check_explains_has_a_case_of_its_own(code, kind):
    document = samples.green()
    document.exit_code = code
    case = cases(JUnitXml.fromstring(render_junit(document)))["loadstone", "run"]
    assert type(case.result[0]).__name__ == kind
    assert case.result[0].message.startswith(f"exit {code}: ")


def test_a_path_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match=r"junit\.xml cannot be written"):
        write_junit(samples.green(), tmp_path / "file" / "junit.xml")
