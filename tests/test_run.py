"""The main job, end to end: the five as they ship, the loops as taught, and a loader given by path."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import command
import jsonschema
import pytest
from command import call
from loadstone.harness.subjects import BUILT_IN, FIVE
from loadstone.loaders.corpus import Corpus
from loadstone.reports.document import Document, json_schema, load
from test_cli import SHIFTED_TWICE

REPORT = [
    "badge.svg", "index.html", "latency-12x1024.svg", "report.md", "results.csv", "results.json",
    "throughput-12x1024.svg",
]  # fmt: skip


def verdicts(document: Document, name: str) -> dict[str, str]:
    (subject,) = (one for one in document.subjects if one.name == name)
    return {finding.id: finding.verdict for finding in subject.checks}


def failed(document: Document, name: str) -> set[str]:
    return {check for check, verdict in verdicts(document, name).items() if verdict == "fail"}


def assert_agree(folder: Path, code: int) -> None:
    """The document is valid, and it, the JUnit file and the exit code tell the same."""
    plain = json.loads((folder / "x.json").read_bytes())
    jsonschema.validate(plain, json_schema())
    assert plain["exit_code"] == code
    suites = ET.parse(folder / "x.xml").getroot()
    assert (int(suites.get("failures", "0")) > 0) == (code == 1)
    assert (int(suites.get("errors", "0")) > 0) <= (code in (1, 10))


@pytest.fixture(scope="module")
def five(tmp_path_factory) -> tuple[command.Said, Path]:
    """What a newcomer runs first, as a program of its own."""
    folder = tmp_path_factory.mktemp("five")
    words = ["run", "--quick", "--json", "x.json", "--junit", "x.xml", "--deadline", 300]
    return command.program(*words, folder=folder), folder


class TestFive:
    """``loadstone run --quick``, and nothing more."""

    def test_all_five_are_right(self, five):
        said, folder = five
        document = load(folder / "x.json")
        assert {name: failed(document, name) for name in FIVE} == {name: set() for name in FIVE}
        assert [subject.name for subject in document.subjects] == list(FIVE)
        assert said.code == 0, said.out

    def test_it_says_so_on_standard_output_alone(self, five):
        said, _ = five
        assert said.err == ""
        assert all(f"{name} passes its" in said.out for name in FIVE)
        assert "All 5 loaders pass." in said.out
        assert "\x1b" not in said.out

    def test_the_report_folder_is_whole(self, five):
        _, folder = five
        assert sorted(path.name for path in (folder / "loadstone-report").iterdir()) == REPORT
        assert (folder / "loadstone-report" / "results.json").read_bytes() == (folder / "x.json").read_bytes()
        page = (folder / "loadstone-report" / "index.html").read_text(encoding="utf-8")
        assert all(name in page for name in FIVE)

    def test_document_junit_and_exit_code_agree(self, five):
        said, folder = five
        assert_agree(folder, said.code)

    def test_every_part_was_measured(self, five):
        _, folder = five
        for subject in load(folder / "x.json").subjects:
            (row,) = subject.throughput
            assert row.tokens_per_s, subject.name
            assert row.low <= row.tokens_per_s <= row.high
            assert subject.memory[0].verdict == "clean", subject.memory[0].reason
            (copied,) = subject.transfer
            assert copied.measured or "no CUDA device" in copied.reason

    def test_it_is_rendered_again_the_same(self, five, capsys, tmp_path):
        said, folder = five
        again = call(capsys, "report", folder / "x.json", "-o", tmp_path / "again")
        assert again.code == said.code
        assert sorted(path.name for path in (tmp_path / "again").iterdir()) == REPORT
        for name in REPORT:
            first = (folder / "loadstone-report" / name).read_bytes()
            assert (tmp_path / "again" / name).read_bytes() == first, name


@pytest.mark.usefixtures("quick_start")
class TestCheck:
    """``loadstone check`` of what is wrong, and of what only looks so."""

    def check(self, capsys, folder: Path, subject: str, *more: object) -> tuple[command.Said, Document]:
        words = ["check", subject, "--json", folder / "x.json", "--junit", folder / "x.xml", *more]
        said = call(capsys, *words)
        assert said.err == ""
        assert_agree(folder, said.code)
        return said, load(folder / "x.json")

    def test_a_loader_that_shifts_twice(self, tmp_path, capsys):
        (tmp_path / "twice.py").write_text(SHIFTED_TWICE, encoding="utf-8")
        said, document = self.check(capsys, tmp_path, f"{tmp_path}/twice.py:loader")
        assert said.code == 1
        (subject,) = document.subjects
        (shift,) = (finding for finding in subject.checks if finding.id == "shift.exact")
        assert shift.verdict == "fail"
        assert "two positions" in shift.diagnosis
        assert "two positions" in said.out

    def test_the_parquet_loop_as_taught(self, tmp_path, capsys):
        said, document = self.check(capsys, tmp_path, "textbook.parquet_stream")
        assert said.code == 1
        (flush,) = (one for one in document.subjects[0].checks if one.id == "coverage.buffer_flush")
        assert flush.verdict == "fail"
        assert "17 of 200 rows never appear and 17 appear twice" in flush.reason
        assert "one row in every 11 is lost: a buffer of 10 forgets the row in hand" in flush.diagnosis
        assert "one row in every 11" in said.out

    def test_the_conversation_loop_as_taught(self, tmp_path, capsys):
        said, document = self.check(capsys, tmp_path, "textbook.conversation_deque")
        assert said.code == 1
        wrong = {"stride.declared", "coverage.transitions", "mask.roles", "alias.hold", "xfer.deferred"}
        assert failed(document, "textbook.conversation_deque") == wrong

    def test_the_loop_that_maps_for_each_batch_is_right(self, tmp_path, capsys):
        said, document = self.check(capsys, tmp_path, "textbook.memmap_per_batch")
        assert said.code == 0
        assert failed(document, "textbook.memmap_per_batch") == set()
        assert document.subjects[0].traits.observed["rng"] == "global"
        assert document.subjects[0].traits.stated["rng"] == "global"

    def test_only_what_is_asked_is_answered(self, tmp_path, capsys):
        _, document = self.check(capsys, tmp_path, "in_memory", "--only", "shift.exact", "--only", "len")
        assert "shift.exact" in verdicts(document, "in_memory")
        assert {check.partition(".")[0] for check in verdicts(document, "in_memory")} == {"shift", "len"}

    def test_a_stated_trait_is_held_against_it(self, tmp_path, capsys):
        words = ["--trait", "passes=one", "--only", "end", "--deadline", 60]
        said, document = self.check(capsys, tmp_path, "memmap_per_batch", *words)
        assert said.code == 1
        assert document.subjects[0].traits.stated["passes"] == "one"
        assert "end.finite" in failed(document, "memmap_per_batch")


@pytest.mark.usefixtures("quick_start")
def test_list_shows_every_subject(capsys):
    said = call(capsys, "list", "--no-color")
    assert (said.code, said.err) == (0, "")
    rows = {line.split()[0]: line for line in said.out.splitlines() if line.strip()}
    assert set(BUILT_IN) <= set(rows)
    assert [name for name in BUILT_IN if "built-in" not in rows[name] or "unavailable" in rows[name]] == []
    assert "tokens" in rows["memmap_per_batch"]
    assert "order=" in said.out


@pytest.mark.parametrize(
    ("kind", "files"),
    [("permutation", ["train.bin", "corpus.json"]), ("keyed", ["train.bin"]), ("sparse", ["train.bin"])],
)
def test_a_written_corpus_can_be_opened(tmp_path, capsys, kind, files):
    folder = tmp_path / kind
    said = call(capsys, "corpus", folder, "--kind", kind, "--tokens", 20_000)
    assert (said.code, said.err) == (0, "")
    assert f"--data {folder}" in said.out
    corpus = Corpus.open(folder)
    assert "tokens" in corpus.reads()
    assert [name for name in files if not (folder / name).is_file()] == []
    assert corpus.num_tokens("train") + corpus.num_tokens("val") >= 20_000
    assert (
        corpus.token_file("train").stat().st_size == corpus.num_tokens("train") * corpus.token_dtype.itemsize
    )


def test_the_same_corpus_twice_is_the_same(tmp_path, capsys):
    for name in ("a", "b"):
        assert call(capsys, "corpus", tmp_path / name, "--tokens", 3000, "--seed", 5).code == 0
    call(capsys, "corpus", tmp_path / "c", "--tokens", 3000, "--seed", 6)
    one, two, other = ((tmp_path / name / "train.bin").read_bytes() for name in "abc")
    assert one == two != other
