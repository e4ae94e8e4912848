"""README and docs say what is true: examples run, the reference is fresh, links lead somewhere."""

import re
from pathlib import Path

import pytest
from loadstone.harness.performance_page import page
from loadstone.harness.reference import reference
from loadstone.reports.document import load

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(language: str) -> list[str]:
    """Fenced code blocks of that language in the README."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_ci_runs_the_test_command_of_the_readme() -> None:
    command = next(block for block in blocks("console") if "tests" in block)
    assert command.strip() in (ROOT / ".ci" / "run").read_text("utf-8")


def test_the_reference_is_fresh() -> None:
    assert (ROOT / "docs" / "reference.md").read_text("utf-8") == reference()


def test_the_performance_page_is_made_from_its_runs() -> None:
    documents = [load(path) for path in sorted((ROOT / "docs" / "performance").glob("*.json"))]
    runs = [one for one in documents if any(subject.throughput for subject in one.subjects)]
    assert len(runs) >= 2
    checked = {subject.name for one in documents for subject in one.subjects if subject.checks}
    assert {subject.name for subject in runs[0].subjects} <= checked  # or a row could not be struck
    text = (ROOT / "docs" / "performance.md").read_text("utf-8")
    assert text == page(documents)
    assert "/tmp" not in text


def test_the_performance_page_says_in_which_processes_it_was_measured() -> None:
    documents = [load(path) for path in sorted((ROOT / "docs" / "performance").glob("run-*.json"))]
    rows = [row for one in documents for subject in one.subjects for row in subject.throughput]
    for row in rows:
        row.processes = 1
    assert "each loader in one process for all" in page(documents)
    rows[0].processes = 15
    assert "each in a new process unless" in page(documents)


def test_every_verb_of_the_readme_exists() -> None:
    from loadstone.harness.cli import cli

    used = set(re.findall(r"^loadstone ([\w-]+)", "\n".join(blocks("console")), re.MULTILINE))
    assert used
    assert used <= set(cli.commands)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text("utf-8"))
    missing = [link for link in links if not (page.parent / link).exists()]
    assert not missing


def test_the_outputs_shown_are_filled_in() -> None:
    shown = re.findall(r"<!-- output: (.*?) -->\n```text\n(.*?)```", README, re.DOTALL)
    assert len(shown) >= 3
    assert all(text.strip() for _, text in shown), "an output block is empty"


def test_the_readme_loader_is_caught(inquiry, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    from loadstone.harness.subjects import find
    from loadstone.suites.scenarios import Shape

    (source,) = re.findall(r"<!-- file: my_loader.py -->\n```python\n(.*?)```", README, re.DOTALL)
    (tmp_path / "my_loader.py").write_text(source)
    opened = inquiry.open(find(f"{tmp_path}/my_loader.py:my_loader"), {}, {})
    findings, observed = inquiry.check(opened, Shape())
    failed = {finding.id: finding.diagnosis for finding in findings if finding.verdict == "fail"}
    assert list(failed) == ["shift.exact"]
    assert "two positions" in failed["shift.exact"]
    assert observed["order"] == "sequential"
