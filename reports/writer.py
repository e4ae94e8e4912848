"""The report folder: the document and its renderings, each file written whole or not at all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .badge import render_badge
from .benchmark_json import bigger_is_better, pytest_benchmark
from .charts import by_shape, latency_chart, throughput_chart
from .document import Document, encode, write_beside
from .drawing import stand_alone
from .html import render_html
from .markdown import render_markdown
from .tables import render_csv

if TYPE_CHECKING:
    from pathlib import Path

_CHART = re.compile(r"(throughput|latency)-\d+x\d+\.svg")


def write_report(document: Document, folder: Path) -> list[Path]:
    """Write the document and all its renderings into a folder, and return their paths.

    ``results.json``, ``report.md``, ``index.html``, ``results.csv``, ``badge.svg``, and two charts of each
    measured batch shape, ``throughput-BxT.svg`` and ``latency-BxT.svg``. All are made before the first is
    written, so a rendering that fails leaves the folder as it was. Charts of an earlier run are removed.
    A gate has no page; its numbers are written in two formats that other tools read instead.

    Raises:
        UsageError: the folder cannot be written.
    """
    files = {
        "results.json": encode(document),
        "report.md": render_markdown(document).encode(),
    }
    if document.gate is None:
        files["index.html"] = render_html(document).encode()
        files["results.csv"] = render_csv(document).encode()
        files["badge.svg"] = render_badge(document).encode()
        files |= _charts(document)
    else:
        files["bigger-is-better.json"] = bigger_is_better(document)
        files["pytest-benchmark.json"] = pytest_benchmark(document)
    for name, data in files.items():
        write_beside(folder / name, data)
    for path in folder.iterdir():
        if _CHART.fullmatch(path.name) and path.name not in files:
            path.unlink()
    return [folder / name for name in files]


def _charts(document: Document) -> dict[str, bytes]:
    """The charts of speed as files of their own."""
    files = {}
    for (batch_size, seq_len), rows in by_shape(document).items():
        for name, draw in (("throughput", throughput_chart), ("latency", latency_chart)):
            drawn = draw(rows, name, 640)
            if drawn:
                files[f"{name}-{batch_size}x{seq_len}.svg"] = stand_alone(drawn).encode()
    return files
