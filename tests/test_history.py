"""Series of stored results: levels that change are marked with their commits, noise is not."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import msgspec
import numpy as np
import pytest
from command import assert_refused, call
from git_repository import Repository
from loadstone.harness.history import all_series, read, store
from loadstone.reports.document import Document, Machine, Subject, Throughput, encode
from loadstone.suites.history import change_points


def result(day: int, share: float, cores: int = 2) -> Document:
    row = Throughput(
        batch_size=12, seq_len=1024, tokens_per_s=share * 1e9, low=share * 9e8, high=share * 1.1e9, rounds=7,
        limit_tokens_per_s=1e9, limit_share=share,
    )  # fmt: skip
    return Document(
        created=f"2026-{1 + day // 28:02d}-{1 + day % 28:02d}T12:00:00+00:00",
        machine=Machine(identity={"cores": cores}),
        subjects=[Subject(name="mine.py:loader", throughput=[row])],
    )


def noisy(levels: list[tuple[float, int]], seed: int = 0, noise: float = 0.01) -> list[float]:
    rng = np.random.default_rng(seed)
    return [level * float(np.exp(rng.normal(0, noise))) for level, count in levels for _ in range(count)]


@pytest.fixture
def stored(tmp_path):
    """Thirty results, of which the nineteenth brought a loss of a tenth."""
    folder = tmp_path / "history"
    folder.mkdir()
    for day, share in enumerate(noisy([(0.5, 18), (0.45, 12)])):
        name = f"2026-01-01T{day:02d}-{day:040x}.json"
        (folder / name).write_bytes(encode(result(day, share)))
    (folder / "notes.json").write_text("{}", encoding="utf-8")
    return folder


def test_a_change_is_found_where_it_is_and_with_its_commit(stored, tmp_path, capsys):
    (series,) = all_series(read(stored))
    (change,) = series.changes
    assert change.at == 18
    assert change.share == pytest.approx(-0.1, abs=0.02)
    assert series.results[18].commit == f"{18:040x}"[:10]
    said = call(capsys, "history", "--from", stored, "-o", tmp_path / "page.html")
    assert said.code == 0
    assert "▁" in said.out
    assert f"by {18:040x}"[:13] in said.out
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 1
    assert "Changes of level" in page
    ET.fromstring(page[page.index("<svg") : page.index("</svg>") + 6])


def test_noise_is_no_change():
    found = [change_points(noisy([(0.5, 60)], seed)) for seed in range(100)]
    assert sum(map(bool, found)) <= 3
    assert change_points([1.0, 2.0]) == []
    assert change_points([1.0] * 20) == []
    assert change_points([1.0] * 10 + [1.001] * 10) == []  # sharp, and too small to matter


@pytest.mark.parametrize("step", [0.9, 1.1])
def test_steps_are_found(step):
    found = [change_points(noisy([(0.5, 15), (0.5 * step, 15)], seed)) for seed in range(50)]
    assert sum(len(one) == 1 and abs(one[0] - 15) <= 1 for one in found) >= 48


def test_machines_are_kept_apart(stored):
    (stored / "other.json").write_bytes(encode(result(40, 0.2, cores=64)))
    assert [len(series.results) for series in all_series(read(stored))] == [30, 1]


def test_a_result_is_stored_under_its_commit_and_read_from_a_branch(tmp_path, monkeypatch):
    repository = Repository(tmp_path / "repository")
    commit = repository.commit("first", notes__txt="")
    monkeypatch.chdir(repository.folder)
    (tmp_path / "run.json").write_bytes(encode(result(3, 0.5)))
    kept = store(tmp_path / "run.json", repository.folder / "results")
    assert kept.name == f"2026-01-04T12-00-00-{commit[:10]}.json"
    repository.git("checkout", "-q", "-b", "history")
    repository.commit("a result")
    repository.git("checkout", "-q", "main")
    assert not kept.exists()
    ((known, document),) = read(kept.parent.relative_to(repository.folder), "history")
    assert known == commit[:10]
    assert msgspec.to_builtins(document) == msgspec.to_builtins(result(3, 0.5))


def test_what_is_refused(tmp_path, capsys):
    assert_refused(call(capsys, "history", "--from", tmp_path / "none"), "is no folder")
    assert_refused(call(capsys, "history", "--from", tmp_path), "holds no measured results", code=5)
    assert_refused(
        call(capsys, "history", "--from", tmp_path, "--add", tmp_path / "x.json"), "cannot be read"
    )
