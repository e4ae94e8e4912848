"""Parquet is streamed: ten times the corpus takes no more memory, whatever the column."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from loadstone.loaders.corpus_writer import CorpusSpec, write_corpus

DOCUMENTS, LENGTH, ROW_GROUP, BUFFER = 1500, 120, 100, 200
SLACK = 1 << 20  # bytes; allocators round up
WATCH = """
import json, sys, tracemalloc
import pyarrow as pa
from loadstone.loaders.contract import LoaderConfig
from loadstone.loaders.corpus import Corpus
from loadstone.loaders.parquet_stream import parquet_stream

folder, column, buffer = sys.argv[1], sys.argv[2], int(sys.argv[3])
options = {"column": column, "buffer_size": buffer}
loader = parquet_stream(Corpus.open(folder), LoaderConfig(batch_size=4, seq_len=128, options=options))
held = arrow = number = 0
for number, _ in enumerate(loader):
    held, arrow = max(held, loader.nbytes), max(arrow, pa.total_allocated_bytes())
    if number == 0:
        tracemalloc.start()
python = tracemalloc.get_traced_memory()[1]
print(json.dumps({"held": held, "arrow": arrow, "python": python, "batches": number + 1}))
"""


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    """One times and ten times the documents."""
    folders = []
    for times in (1, 10):
        spec = CorpusSpec(kind="keyed", documents=(LENGTH,) * DOCUMENTS * times, row_group=ROW_GROUP)
        folders.append(write_corpus(tmp_path_factory.mktemp(f"times{times}"), spec).folder)
    return folders


def peak(folder, column):
    words = [sys.executable, "-c", WATCH, str(folder), column, str(BUFFER)]
    return json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


@pytest.mark.parametrize("column", ["tokens", "token_bytes"])
def test_ten_times_the_corpus_takes_no_more_memory(corpora, column):
    one, ten = (peak(folder, column) for folder in corpora)
    assert ten["batches"] > 9 * one["batches"]
    rows = 2 * BUFFER + ROW_GROUP
    for found in (one, ten):
        assert 0 < found["held"] <= rows * 8  # numbers: the documents are in Arrow's memory
        # What is held and came in, joined as well, what leaves and what stays, and what is decoded.
        assert found["arrow"] <= 2 * rows * LENGTH * 4 + SLACK
    assert ten["held"] <= 1.2 * one["held"]
    assert ten["python"] <= 1.2 * one["python"] + SLACK  # what Python and NumPy took since the first batch
