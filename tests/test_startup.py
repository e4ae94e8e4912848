"""The measurement of start-up does what it says; how long things take is not tested."""

from __future__ import annotations

from startup import COLUMNS, READ_ROUNDS, lines, measure


def test_every_loader_and_size_has_its_rounds(tmp_path):
    written = 2**20
    sizes = (10**4, 10**6, 10**8)
    rows = measure(tmp_path, sizes, rounds=9, written=written, shape=(2, 8))
    rounds = {(row["loader"], row["tokens"]): row["n"] for row in rows}
    maps = {(name, size): 9 for name in ("memmap_per_batch", "memmap_persistent") for size in sizes}
    assert rounds == maps | {("in_memory", size): READ_ROUNDS for size in sizes[:2]}
    for row in rows:
        assert row["file_bytes"] == 2 * row["tokens"]
        assert (row["disk_bytes"] < row["file_bytes"] // 2) == (row["tokens"] > written)
        for what in COLUMNS:
            assert 0 < row[f"{what}_low"] <= row[what] <= row[f"{what}_high"]
            assert len(row[f"{what}_samples"]) == row["n"]
    assert sum("sparse" in line for line in lines(rows)) == 2
