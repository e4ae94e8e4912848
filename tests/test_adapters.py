"""Foreign loaders under the contract: what the checks say, and that the pages about them are true."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import subject_files
from asking import failed, findings
from loadstone.errors import SubjectError
from loadstone.harness.inquiry import Inquiry
from loadstone.harness.launch import Launcher
from loadstone.harness.subjects import ADAPTERS, find, open_factory
from loadstone.loaders.contract import LoaderConfig, spec_of
from loadstone.loaders.corpus_writer import CorpusSpec, write_corpus
from loadstone.suites.scenarios import Shape
from processes import ours

pytestmark = pytest.mark.slow  # minutes: `tox run -e exhaustive`

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parents[1] / "docs"
CHECKED = {"torch": "2.13.0", "torchdata": "0.11.0", "datasets": "5.2.0"}
ALL = bool(os.environ.get("LOADSTONE_ALL_ADAPTERS"))  # set by the tox environment `adapters`
ROW = re.compile(r"^\| `(adapters\.[^`]+)` \| [^|]* \| ([^|]*) \| ([^|]*) \|$", re.MULTILINE)


def version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution).partition("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return ""


def need(distribution: str, wanted: str = "") -> None:
    found = version(distribution)
    if not found:
        pytest.skip(f"{distribution} is not installed")
    if wanted and found != wanted:
        pytest.skip(f"told of {distribution} {wanted}; {found} is installed")


def told() -> list[tuple[str, set[str]]]:
    """Subjects of the table in docs/adapters.md, and the checks they fail."""
    rows = ROW.findall((DOCS / "adapters.md").read_text("utf-8"))
    shared = {
        name: f"{name[:-1]},workers=2]" if name.endswith("]") else f"{name}[workers=2]" for name, *_ in rows
    }
    pairs = [(name, alone) for name, alone, _ in rows] + [(shared[name], cell) for name, _, cell in rows]
    return [(subject, set(re.findall(r"`([^`]+)`", cell))) for subject, cell in pairs]


def slow(subject: str) -> bool:
    """A child for every place of a resume, each with workers or a large library to load."""
    return "hf_streaming" in subject or ("stateful" in subject and "workers" in subject)


@pytest.fixture(scope="module")
def inquiry() -> Iterator[Inquiry]:
    with Launcher() as launcher:
        yield Inquiry(launcher, deadline_s=30.0)


def test_the_table_tells_of_every_adapter():
    assert {subject.partition("[")[0] for subject, _ in told()} == set(ADAPTERS)


@pytest.mark.parametrize(
    ("subject", "fails"), told(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_the_checks_say_what_the_table_says(inquiry, subject, fails):
    for library in ADAPTERS[subject.partition("[")[0]][1]:
        need(library, CHECKED[library])
    if slow(subject) and not ALL:
        pytest.skip("takes a minute; `tox run -e adapters` asks it")
    found = findings(inquiry, subject)
    assert set(failed(found)) == fails, failed(found)
    passed = {one.id for one in found if one.verdict == "pass"}
    assert {"rank.disjoint", "worker.disjoint", "worker.killed", "loader.picklable", "fork.safe"} <= passed


@pytest.mark.parametrize("shape", [(1, 1), (1, 16), (4, 1), (3, 7), (5, 33)], ids=str)
@pytest.mark.parametrize("subject", ["adapters.torch_map", "adapters.torch_iterable"])
def test_no_shape_and_no_seed_is_accused(inquiry, subject, shape):
    assert failed(findings(inquiry, subject, Shape(*shape, seed=100 + sum(shape)))) == {}


@pytest.mark.parametrize("shape", [(1, 1), (7, 1), (3, 7)], ids=str)
def test_a_stateful_loader_resumes_at_any_shape(inquiry, shape):
    need("torchdata")
    only = ["resume.every_k", "resume.epoch_edge", "resume.no_repeat", "coverage.multiset"]
    assert failed(findings(inquiry, "adapters.stateful", Shape(*shape, seed=sum(shape)), only)) == {}


@pytest.mark.parametrize("workers", [0, 2])
def test_the_number_of_workers_changes_nothing_in_order(tmp_path, workers):
    corpus = write_corpus(tmp_path, CorpusSpec(documents=(203,)))
    factory = open_factory(find("adapters.torch_iterable"))
    config = LoaderConfig(batch_size=4, seq_len=8, drop_last=False, num_workers=workers)
    rows = [row for x, _ in factory(corpus, config) for row in corpus.locate(x.numpy()).tolist()]
    assert [row[0] for row in rows] == list(range(0, 200, 8))


def test_batches_cut_whole_are_those_stacked_by_the_library(tmp_path):
    corpus = write_corpus(tmp_path, CorpusSpec(documents=(200,)))
    factory = open_factory(find("adapters.torch_map"))
    given = [
        [(x.tolist(), y.tolist()) for x, y in factory(corpus, LoaderConfig(options={"fetch": fetch}))]
        for fetch in ("rows", "batches")
    ]
    assert given[0] == given[1]
    assert len(given[0]) == 3


@pytest.mark.parametrize("name", ADAPTERS)
def test_every_trait_is_stated(name):
    for library in ADAPTERS[name][1]:
        need(library)
    spec = spec_of(open_factory(find(name)))
    assert {"reads", "order", "passes", "targets", "ranks", "workers", "resume"} <= set(spec.traits.stated())


def test_a_missing_library_is_told_and_nothing_breaks(monkeypatch):
    ref = find("adapters.stateful[workers=2]")
    assert (ref.origin, ref.name) == ("adapter", "adapters.stateful[workers=2]")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        SubjectError, match=r"needs torchdata, not installed.*pip install 'loadstone\[adapters\]'"
    ):
        open_factory(ref)


HANGS = """
    from torch.utils.data import DataLoader, Dataset

    class Waits(Dataset):
        def __len__(self):
            return 64
        def __getitem__(self, index):
            if index >= 16:
                time.sleep(600)
            return torch.arange(index, index + 4), torch.arange(index + 1, index + 5)

    def subject(corpus, config):
        return DataLoader(Waits(), batch_size=2, num_workers=2)
"""


def test_workers_end_with_their_loader_past_a_deadline(tmp_path):
    with Launcher() as launcher:
        trace = subject_files.record(
            Inquiry(launcher, deadline_s=2.0), subject_files.write(tmp_path, HANGS), batches=32
        )
        assert trace.end.how == "deadline"
        assert len(trace.good) >= 4
        assert ours() == []
        assert list(launcher.folder.glob("record-*/pymp-*"))  # made where it goes with the launcher


def test_the_adapters_of_the_page_pass(inquiry, tmp_path):
    text = (DOCS / "adapters.md").read_text("utf-8")
    (source,) = re.findall(r"<!-- file: my_adapters.py -->\n```python\n(.*?)```", text, re.DOTALL)
    (tmp_path / "my_adapters.py").write_text(source, "utf-8")
    for name in ("by_the_batch", "state_in_the_yield"):
        found = findings(inquiry, f"{tmp_path}/my_adapters.py:{name}")
        assert failed(found) == {}
        assert {"resume.every_k", "resume.epoch_edge", "resume.topology"} <= {
            one.id for one in found if one.verdict == "pass"
        }


def reproducers() -> list[tuple[str, str, str]]:
    """(library, version, code) of each block of docs/findings.md."""
    text = (DOCS / "findings.md").read_text("utf-8")
    return re.findall(r"<!-- needs: (\w+)==([\d.]+) -->\n```python\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize(("library", "wanted", "code"), reproducers(), ids=lambda value: value[:12])
def test_what_was_found_is_still_there(library, wanted, code, tmp_path):
    need(library, wanted)
    env = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
