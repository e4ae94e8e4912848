"""Each example passes every check that it promises, and a defect planted in it is caught."""

from __future__ import annotations

from pathlib import Path

import pytest
from loadstone.harness.subjects import find
from loadstone.suites.scenarios import Shape

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
# What a newcomer might write, the family of checks asked, and the check that must notice.
DEFECTS = {
    "nanogpt_style": ("batch[:, 1:]", "batch[:, :-1]", "shift", "shift.exact"),
    "dataloader": ("order[config.rank :: config", "order[0 :: config", "rank", "rank."),
    "iterable_workers": ("(worker.id, worker.num_workers) if worker else", "", "worker", "worker"),
}


def failed(inquiry, path: Path, *only: str) -> tuple[list[str], int]:
    findings, _ = inquiry.check(inquiry.open(find(f"{path}:{path.stem}"), {}, {}), Shape(), only)
    bad = [f"{one.id}: {one.reason}" for one in findings if one.verdict in {"fail", "unknown"}]
    return bad, sum(one.verdict == "pass" for one in findings)


def test_there_are_three():
    assert [path.stem for path in EXAMPLES] == sorted(DEFECTS)


LONG = ("iterable_workers",)  # each of its scenarios starts workers
PASSING = [
    pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if path.stem in LONG else [])
    for path in EXAMPLES
]


@pytest.mark.parametrize("path", PASSING)
def test_an_example_passes(path, inquiry):
    bad, passed = failed(inquiry, path)
    assert bad == []
    assert passed > 25


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_in_it_is_caught(name, inquiry, tmp_path):
    right, wrong, family, check = DEFECTS[name]
    source = next(path for path in EXAMPLES if path.stem == name).read_text("utf-8")
    assert right in source
    (tmp_path / f"{name}.py").write_text(source.replace(right, wrong))
    bad, _ = failed(inquiry, tmp_path / f"{name}.py", family)
    assert any(line.startswith(check) for line in bad), bad
