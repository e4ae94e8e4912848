"""The result document: its schema, its round trip, and what it says of itself."""

from __future__ import annotations

import json

import jsonschema
import pytest
import sample_documents as samples
from loadstone.errors import DataError, UsageError
from loadstone.reports.answers import exit_code, sentence, summarise
from loadstone.reports.document import (
    Memory,
    Subject,
    Throughput,
    Transfer,
    decode,
    encode,
    json_schema,
    load,
    write_beside,
)
from loadstone.reports.schema import PATH, schema_bytes


@pytest.mark.parametrize("name", samples.EVERY)
def test_every_sample_is_valid_by_the_shipped_schema_and_survives_a_round_trip(name):
    document = samples.EVERY[name]()
    data = encode(document)
    jsonschema.Draft202012Validator(json.loads(PATH.read_bytes())).validate(json.loads(data))
    assert decode(data) == document
    assert encode(decode(data)) == data


def test_the_schema_refuses_what_is_not_a_document():
    validator = jsonschema.Draft202012Validator(json_schema())
    document = json.loads(encode(samples.red()))
    document["subjects"][0]["checks"][0]["verdict"] = "probably"
    assert [error.json_path for error in validator.iter_errors(document)] == [
        "$.subjects[0].checks[0].verdict"
    ]


def test_the_shipped_schema_is_fresh():
    assert PATH.read_bytes() == schema_bytes(), "run: python -m loadstone.reports.schema"


def test_descriptions_carry_no_indentation_of_the_source():
    """msgspec 0.23 takes it off, earlier ones do not: the file must not tell which of them wrote it."""
    described = [text for each in json_schema()["$defs"].values() if (text := each.get("description"))]
    assert any("\n" in text for text in described)
    assert not [text for text in described if "\n " in text]


def test_every_described_number_tells_its_unit():
    units = ("_s", "_us", "_bytes", "_per_s", "_per_batch", "_share", "_mtoken", "gbytes_per_s")
    fields = json_schema()["$defs"]["Throughput"]["properties"]
    numbers = [name for name, field in fields.items() if {"type": "number"} in field.get("anyOf", [])]
    assert "tokens_per_s" in numbers
    bare = [
        name for name in numbers if not name.endswith(units) and "tokens/s" not in fields[name]["description"]
    ]
    assert bare == []


@pytest.mark.parametrize(
    "data",
    [b"", b"not json", b"[]", b"{}", b'{"schema": "loadstone/2", "created": ""}', b'{"created": 5}'],
)
def test_what_is_no_document_is_refused_in_one_sentence(data, tmp_path):
    path = tmp_path / "results.json"
    path.write_bytes(data)
    with pytest.raises(DataError) as raised:
        load(path)
    message = str(raised.value)
    assert str(path) in message
    assert "loadstone/1" in message
    assert "\n" not in message


def test_a_missing_document_is_named(tmp_path):
    with pytest.raises(DataError, match=r"gone\.json cannot be read: No such file"):
        load(tmp_path / "gone.json")


def test_a_folder_that_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match=r"cannot be written.*-o"):
        write_beside(tmp_path / "file" / "results.json", b"")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "new" / "results.json"
    write_beside(path, b"one")
    write_beside(path, b"two")
    assert path.read_bytes() == b"two"
    assert [entry.name for entry in path.parent.iterdir()] == ["results.json"]


def subject(*verdicts, memory=(), transfer=(), rate=None):
    speed = Throughput(batch_size=1, seq_len=1, tokens_per_s=rate, low=None, high=None, rounds=1)
    return Subject(
        name="it",
        checks=[samples.finding(f"a.{n}", "A", verdict) for n, verdict in enumerate(verdicts)],
        memory=[Memory(verdict=verdict, reason=f"{verdict} it is.") for verdict in memory],
        transfer=[Transfer(verdict=verdict, reason=f"{verdict} it is.") for verdict in transfer],
        throughput=[speed] if rate else [],
    )


@pytest.mark.parametrize(
    ("made", "status", "code", "words"),
    [
        (subject("pass", "pass"), "pass", 0, "passes its 2 checks."),
        (subject("pass", "waived"), "pass", 0, "passes its 1 check (1 waived)."),
        (subject("waived"), "pass", 0, "passes no check (1 waived)."),
        (subject("pass", "fail", "unknown"), "fail", 1, "fails a.1: was seen."),
        (subject("fail", "fail", "fail"), "fail", 1, "fails a.0 (and 2 more): was seen."),
        (subject("pass", memory=["leak"]), "leak", 1, "leak it is."),
        (subject("unknown", memory=["leak"]), "leak", 1, "leak it is."),
        (subject("pass", transfer=["fail"]), "fail", 1, "fails the transfer to the device: fail it is."),
        (subject("pass", "unknown"), "unknown", 10, "stays unknown: a.1 could not be finished."),
        (subject("pass", memory=["undecided"]), "unknown", 10, "stays undecided on memory: undecided it is."),
        (subject("skip"), "skip", 5, "not promised by this loader."),
        (subject(transfer=["not_measured"]), "skip", 5, "not_measured it is."),
        (subject(), "skip", 5, "nothing was judged."),
        (subject("skip", rate=5.0), "pass", 0, "was measured, not checked."),
        (subject(memory=["clean"]), "pass", 0, "was measured, not checked."),
        (subject(transfer=["pass"]), "pass", 0, "was measured, not checked."),
    ],
)
def test_status_code_and_sentence_agree(made, status, code, words):
    assert (made.status(), exit_code([made]), sentence(made)) == (status, code, words)


def test_the_worst_subject_decides_the_code():
    fails, unknown, passes, skips = subject("fail"), subject("unknown"), subject("pass"), subject("skip")
    assert exit_code([passes, unknown, fails, skips]) == 1
    assert exit_code([passes, unknown, skips]) == 10
    assert exit_code([passes, skips]) == 0
    assert exit_code([skips]) == exit_code([]) == 5


def test_the_summary_counts_what_is_there():
    summary = summarise(samples.red().subjects)
    assert summary["checks"] == {"pass": 117, "fail": 5, "skip": 2, "waived": 1, "unknown": 1}
    assert summary["subjects"] == {"fail": 4, "leak": 1, "unknown": 1, "pass": 1}
    assert summary["sentences"]["leaky"].startswith("leaks 197 kB/batch")
