"""The columns documents come in, and what is wrong with some files."""

from __future__ import annotations

import itertools
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from loadstone.errors import DataError, UsageError
from loadstone.loaders.corpus_writer import CorpusSpec, write_corpus
from loadstone.loaders.documents import byte_rows, byte_values, list_values
from loadstone.loaders.parquet_stream import held_bytes
from sample_rows import awkward, make, rows

if TYPE_CHECKING:
    from pathlib import Path

    from loadstone.loaders.corpus import Corpus


COLUMNS = ("tokens", "token_bytes", "text")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return awkward(tmp_path_factory.mktemp("corpus"))


def test_all_columns_give_the_same_stream(corpus: Corpus) -> None:
    streams = [rows(make(corpus, {"column": column, "buffer_size": 20})) for column in COLUMNS]
    assert len(streams[0]) > 50
    assert streams[0] == streams[1] == streams[2]
    assert rows(make(corpus, {"buffer_size": 20})) == streams[0]


LOOKED_FOR = """
import sys
from loadstone.harness.subjects import find, open_factory
from loadstone.loaders.contract import LoaderConfig
from loadstone.loaders.corpus import Corpus

class Finder:
    def find_spec(name, path=None, target=None):
        if name == "pandas":
            print("looked for")

sys.meta_path.insert(0, Finder)
if sys.argv[2] == "arrow":
    import pyarrow as pa
    pa.array([1])
else:
    loader = open_factory(find(f"parquet_stream[column={sys.argv[2]}]"))
    print(sum(1 for _ in loader(Corpus.open(sys.argv[1]), LoaderConfig(batch_size=1, seq_len=8))) > 10)
"""


@pytest.mark.parametrize(
    ("what", "said"), [*((column, "True") for column in COLUMNS), ("arrow", "looked for")]
)
def test_a_first_batch_does_not_wait_for_pandas(corpus: Corpus, what: str, said: str) -> None:
    command = [sys.executable, "-c", LOOKED_FOR, str(corpus.folder), what]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == said


def test_kept_in_memory_reads_each_row_group_once(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = make(corpus, {"keep_in_memory": True})
    first = rows(kept)
    reads = []
    monkeypatch.setattr(type(kept.source._groups), "read", lambda *args: reads.append(args))
    second = rows(kept)
    monkeypatch.undo()
    assert (reads, len(second) > 50) == ([], True)
    assert (first, second) == (rows(make(corpus)), rows(make(corpus, epoch=1)))
    # All of it is Arrow's memory, which is counted by itself: the ids, and where each document lies.
    assert held_bytes(kept) == 0
    assert not any(views.words.flags.owndata for views in kept.source._kept.values())


def test_slices_of_columns_are_respected() -> None:
    lists = pa.array([[1], [2, 3], [], [4, 5, 6]], pa.list_(pa.uint16())).slice(1)
    ids, edges = list_values(lists, "here")
    assert [ids[a:b].tolist() for a, b in itertools.pairwise(edges)] == [[2, 3], [], [4, 5, 6]]
    raw = pa.array([b"\1\0", b"\2\0\3\0", b"", b"\4\0\5\1"], pa.binary()).slice(1)
    ids, edges = byte_values(byte_rows(raw, np.dtype("uint16"), "here").gathered(), np.dtype("uint16"))
    assert [ids[a:b].tolist() for a, b in itertools.pairwise(edges)] == [[2, 3], [], [4, 261]]


def test_list_values_are_not_copied() -> None:
    column: Any = pa.array([[1, 2], [3]], pa.list_(pa.int32()))
    ids, _ = list_values(column, "here")
    assert ids.__array_interface__["data"][0] == column.values.buffers()[1].address


@pytest.mark.parametrize(
    ("table", "column", "sentence"),
    [
        ({"txt": ["a"]}, "auto", "has neither a column 'tokens' nor 'text'"),
        ({"txt": ["a"]}, "text", "has no column 'text'; did you mean 'txt'"),
        ({"tokens": ["a"]}, "auto", "train-0.parquet: column 'tokens' holds string, not lists"),
        ({"token_bytes": [b"abc"]}, "token_bytes", "is no whole number of uint16 ids"),
        ({"text": ["a", None]}, "auto", "column 'text' has 1 rows without a value"),
        ({"text": []}, "auto", "there is nothing to read: no row group with a row in train-0.parquet"),
    ],
)
def test_bad_files_are_named_in_a_sentence(
    tmp_path: Path, table: dict[str, Any], column: str, sentence: str
) -> None:
    corpus = write_corpus(tmp_path, CorpusSpec(documents=(30,)))
    pq.write_table(pa.table(table), corpus.document_files()[0])
    with pytest.raises(DataError, match=sentence):
        list(make(corpus, {"column": column}))


def test_truncated_and_missing_files_are_data_errors(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path, CorpusSpec(documents=(30,)))
    path = corpus.document_files()[0]
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="cannot be read as parquet"):
        make(corpus)
    path.unlink()
    with pytest.raises(DataError, match="does not exist"):
        make(corpus)


def test_unknown_options_are_refused(corpus: Corpus) -> None:
    with pytest.raises(UsageError, match="did you mean 'buffer_size'"):
        make(corpus, {"bufer_size": 3})
    with pytest.raises(UsageError, match="must be at least 1"):
        make(corpus, {"buffer_size": "0"})
