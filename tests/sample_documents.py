"""Documents to render: a green run of the five, and a red one with everything that can go wrong."""

from __future__ import annotations

import math
import random

from loadstone.reports.answers import exit_code, summarise
from loadstone.reports.document import (
    Document,
    Feeding,
    Finding,
    Machine,
    Memory,
    MemorySeries,
    Scaling,
    Sending,
    Span,
    Subject,
    Survivor,
    Throughput,
    TraitSheet,
    Transfer,
    Verdict,
)

NASTY = "<script>alert(1)</script>"
NO_CUDA = "not measured: no CUDA device"
CHECKS = {
    "Contract / shift": ("shift.exact", "shift.row_edge", "stride.declared", "batch.type", "len.honest"),
    "Shapes / dtypes": ("shape.bt", "dtype.declared", "vocab.range", "layout.contiguous"),
    "Coverage": ("coverage.multiset", "coverage.transitions", "coverage.buffer_flush", "end.finite"),
    "Determinism / resume": ("seed.same", "seed.diff", "rng.isolated", "resume.every_k"),
    "Ranks / workers": ("rank.disjoint",),
}
MACHINE = Machine(
    identity={"cpu": "Example CPU @ 2.40 GHz", "cpus": 2, "kernel": "6.18.0", "torch": "2.13.0"},
    notes={"load_1min": 0.42, "affinity": [0, 1], "page_cache": "warm"},
)


def finding(check: str, family: str, verdict: Verdict = "pass", **more: object) -> Finding:
    reasons = {"pass": "held in all 64 batches.", "skip": "not promised by this loader."}
    return Finding(
        id=check,
        family=family,
        verdict=verdict,
        reason=str(more.get("reason", reasons.get(verdict, "was seen."))),
        diagnosis=str(more.get("diagnosis", "")),
        resembles=str(more.get("resembles", "")),
        smallest=str(more.get("smallest", "")),
        evidence=dict(more.get("evidence", {})),  # type: ignore[call-overload]
        seconds=0.12,
    )


def checks(skipped: tuple[str, ...] = (), **replaced: Finding) -> list[Finding]:
    """All checks of CHECKS, passing; ``replaced`` maps an id, its dot written ``__``, to another finding."""
    found = []
    for family, names in CHECKS.items():
        for name in names:
            verdict: Verdict = "skip" if name in skipped else "pass"
            found.append(replaced.get(name.replace(".", "__"), finding(name, family, verdict)))
    return found


def throughput(
    rate: float, *, shape: tuple[int, int] = (12, 1024), limit: float = 1.38e9, **more: object
) -> Throughput:
    draw = random.Random(int(rate))
    samples = [rate * draw.uniform(0.94, 1.06) for _ in range(7)]
    limits = [limit * draw.uniform(0.95, 1.05) for _ in range(7)]
    batch_us = shape[0] * shape[1] / rate * 1e6
    return Throughput(
        batch_size=shape[0],
        seq_len=shape[1],
        tokens_per_s=rate,
        low=rate * 0.95,
        high=rate * 1.04,
        rounds=7,
        limit_tokens_per_s=limit,
        limit_low=limit * 0.96,
        limit_high=limit * 1.03,
        limit_share=rate / limit,
        supervised_tokens_per_s=rate,
        startup_s=0.021,
        first_batch_s=0.0043,
        batch_p50_us=batch_us,
        batch_p99_us=batch_us * 2.7,
        batch_quantiles_us=[batch_us * x for x in (0.9, 0.92, 0.94, 0.97, 1, 1.1, 1.4, 1.8, 2.7, 4, 6)],
        cpu_s_per_mtoken=1e6 / rate,
        samples_tokens_per_s=samples,
        limit_samples_tokens_per_s=limits,
        struck_by=str(more.get("struck_by", "")),
    )


def series(count: int = 600, *, leak: int = 0, cache: int = 0, buffer: int = 0) -> MemorySeries:
    batch = [4 * step for step in range(count)]
    live = [
        83_290_000 + leak * n + (int(buffer * abs(math.sin(n / 90))) if buffer else n % 3 * 96) for n in batch
    ]
    return MemorySeries(
        batch=batch,
        live_bytes=live,
        arrow_bytes=[0] * count,
        rss_anon_bytes=[145_800_000 + leak * n + n % 5 * 4096 for n in batch],
        rss_file_bytes=[75_400_000 + int(cache * (1 - math.exp(-n / 600))) for n in batch],
        rss_shmem_bytes=[0] * count,
    )


def clean(*, cache: int = 0, buffer: int = 0) -> Memory:
    return Memory(
        verdict="clean",
        reason="live bytes stayed level over 2396 batches; a leak of 27 B/batch would have been seen.",
        bytes_per_batch=0.0,
        visible_from=27.0,
        batches=2396,
        batch_size=12,
        seq_len=1024,
        floors_bytes=[83_290_000] * 8,
        page_cache_bytes=cache,
        series=series(cache=cache, buffer=buffer),
    )


def leaking() -> Memory:
    rows = series(leak=196_608)
    rows.files = [6 + n // 40 for n in rows.batch]
    rows.threads = [1] * len(rows.batch)
    born = Survivor(
        where="my_loader.py:41",
        objects_per_batch=2.0,
        bytes_per_batch=196_600.0,
        by_generation=[200] * 11,
        batches=100,
        held_by="a list of 2,396, MyLoader.seen",
    )
    return Memory(
        survivors=[born],
        verdict="leak",
        reason="leaks 197 kB/batch: every round's floor is higher than the last; held at my_loader.py:41.",
        bytes_per_batch=196_608.0,
        visible_from=27.0,
        where="my_loader.py:41",
        batches=2396,
        batch_size=12,
        seq_len=1024,
        floors_bytes=[rows.live_bytes[150 + 450 * part // 8] for part in range(8)],
        page_cache_bytes=120_000,
        series=rows,
    )


def untransferred() -> Transfer:
    return Transfer(verdict="not_measured", reason=NO_CUDA)


def transferred() -> Transfer:
    return Transfer(
        verdict="pass",
        measured=True,
        reason="every batch arrived as it was given.",
        device="Example GPU",
        batch_size=12,
        seq_len=1024,
        bytes_per_batch=196_608,
        copy_us=15.8,
        low_us=15.6,
        high_us=16.1,
        rounds=200,
        gbytes_per_s=12.4,
    )


def compared_ways() -> Transfer:
    """Made up: sixteen ways to send a batch of 64 x 2048, the link's limit and a time line."""
    found = transferred()
    found.batch_size, found.seq_len, found.bytes_per_batch = 64, 2048, 2_097_152
    found.limit_gbytes_per_s, found.limit_low, found.limit_high = 25.0, 24.8, 25.1
    found.prefetched_share, found.prefetched_low, found.prefetched_high = 0.97, 0.96, 0.98
    found.prefetched_kernel_us = 410.0
    found.register_us, found.register_bytes = 9_100.0, 1 << 26
    for source, slow in (("pageable", 3.0), ("pinned", 1.0), ("pin_each", 1.1), ("registered", 1.05)):
        for dtype, nbytes, us in (("int64", 2_097_152, 88.0), ("uint16", 262_272, 16.0)):
            for waits in (True, False):
                copy = us * slow
                found.methods.append(
                    Sending(
                        source=source, waits=waits, dtype=dtype, bytes_per_batch=nbytes, copy_us=copy,
                        low_us=copy * 0.98, high_us=copy * 1.03, host_us=12.0 if not waits else copy + 9,
                        gbytes_per_s=nbytes / copy / 1e3, limit_share=nbytes / copy / 25e3, rounds=50,
                        hidden_share=None if waits else 0.96, hidden_low=0.94, hidden_high=0.97,
                    )
                )  # fmt: skip
    found.timeline = [
        Span(lane=lane, step=step, begin_us=90.0 * (step + late), end_us=90.0 * (step + late) + 88)
        for lane, late in (("copy", 0), ("compute", 1))
        for step in range(4)
    ]
    return found


def document(subjects: list[Subject], **config: object) -> Document:
    return Document(
        created="2026-01-02T03:04:05Z",
        exit_code=exit_code(subjects),
        seed=1234,
        data={"name": "counting corpus", "kind": "embedded", "fingerprint": "5f3a9c"},
        machine=MACHINE,
        config={"command": ["loadstone", "run", *(subject.name for subject in subjects)], **config},
        subjects=subjects,
        summary=summarise(subjects),
    )


def loader(name: str, rate: float, found: list[Finding] | None = None, **more: object) -> Subject:
    fields: dict[str, object] = {
        "origin": "built-in",
        "version": "0.1.0",
        "traits": TraitSheet(stated={"order": "windows", "targets": "shifted"}, observed={"overlap": 1}),
        "checks": checks(skipped=("resume.every_k", "coverage.buffer_flush")) if found is None else found,
        "throughput": [throughput(rate)],
        "memory": [clean()],
        "transfer": [untransferred()],
    }
    return Subject(name=name, **{**fields, **more})  # type: ignore[arg-type]


def green() -> Document:
    """The five, all right, on a machine without a GPU."""
    shapes = [throughput(57.3e6), throughput(81.0e6, shape=(64, 2048), limit=9.73e8)]
    return document(
        [
            loader("in_memory", 48.9e6),
            loader("memmap_per_batch", 26.3e6),
            loader("memmap_persistent", 57.3e6, memory=[clean(cache=289_000_000)], throughput=shapes),
            loader("parquet_stream", 2.9e6, memory=[clean(buffer=14_000_000)]),
            loader("conversation_deque", 1.1e6),
        ]
    )


def red() -> Document:
    """One that fails, hangs, leaks, stays undecided, has a hostile name; and one that is right."""
    lost = finding(
        "coverage.buffer_flush",
        "Coverage",
        "fail",
        reason="81 of 1000 rows never appear and 81 appear twice, one in every 11.",
        diagnosis="the row in hand is forgotten each time the buffer of 10 is flushed",
        resembles="B7, the row lost at a buffer flush",
        evidence={"rows_lost": 81, "period": 11, "first_lost": [10, 21, 32], "buffer": 10},
    )
    hung = finding(
        "end.finite",
        "Coverage",
        "fail",
        reason="did not finish within 20 s",
        diagnosis="the pass never ends although it is declared as one pass",
    )
    double = finding(
        "shift.exact",
        "Contract / shift",
        "fail",
        reason="y is x two positions on in 64 of 64 batches; first at batch 0, row 0, column 0.",
        diagnosis="targets are two positions on: shifted by the loader and again by its caller",
        resembles="A1, the double shift",
        smallest="B=1, T=1, one document of 3 tokens: 2 of 2 targets are two on (the row: x 0; y 2)",
        evidence={"delta": 2, "x": [4096, 4097, 4098], "y": [4098, 4099, 4100]},
    )
    nasty = finding(
        "batch.type",
        "Contract / shift",
        "fail",
        reason=f'raised ValueError: {NASTY} & "quotes" | `ticks` [red]\x1b[31mESC\u202e'
        " </details> ]]> {{ 7*7 }}",
        diagnosis="</td></table><img src=x onerror=alert(1)>",
        resembles="<b>bold</b>",
        smallest="B=1 <i>",
        evidence={"traceback": f'File "{NASTY}", line 1\n  raise ValueError("' + "x" * 5000 + '")'},
    )
    unknown = finding("seed.same", "Determinism / resume", "unknown", reason="the second process was killed.")
    waived = finding("rng.isolated", "Determinism / resume", "waived", reason="draws globally on purpose.")
    fast = throughput(512e6, struck_by="shift.exact")
    slow = Throughput(batch_size=12, seq_len=1024, tokens_per_s=None, low=None, high=None, rounds=0)
    slow.reason = "did not finish within 20 s"
    silent = Memory(verdict="not_measured", reason="did not finish within 20 s")
    doubt = Memory(verdict="undecided", reason="the floors neither rise nor stay level.", batches=400)
    return document(
        [
            loader(
                "textbook.parquet_stream", 3.4e6, checks(coverage__buffer_flush=lost, shift__exact=double)
            ),
            loader("double_shift.py:my_loader", 512e6, checks(shift__exact=double), throughput=[fast]),
            loader("stuck", 1, checks(end__finite=hung), throughput=[slow], memory=[silent]),
            loader("leaky", 33.1e6, memory=[leaking()]),
            loader(NASTY, 4.2e6, checks(batch__type=nasty), origin=f"file {NASTY}"),
            loader("doubtful", 8e6, checks(seed__same=unknown), memory=[doubt]),
            loader(
                "textbook.memmap_per_batch",
                26.3e6,
                checks(rng__isolated=waived),
                waivers={"rng.isolated": "draws globally on purpose."},
                memory=[clean(cache=289_000_000)],
            ),
        ]
    )


def on_gpu() -> Document:
    """Two loaders on a machine with a GPU."""
    late = Transfer(
        verdict="fail", measured=True, reason="12 of 64 batches changed after the copy was queued."
    )
    return document(
        [loader("in_memory", 48.9e6, transfer=[transferred()]), loader("late", 5e7, transfer=[late])]
    )


def feeding(busy: float, depth: int = 0, **more: object) -> Feeding:
    fields: dict[str, object] = {
        "batch_size": 12, "seq_len": 1024, "step_s": 0.005, "prefetch": depth, "utilisation": busy,
        "utilisation_low": busy * 0.97, "utilisation_high": min(0.999, busy * 1.02),
        "data_loading_share": 0.99 - busy * 0.99, "data_loading_low": 0.9 - busy * 0.9,
        "data_loading_high": 1 - busy, "ceiling_utilisation": 0.991, "rounds": 7, "steps": 170,
        "samples_utilisation": [busy] * 7, "samples_data_loading": [0.99 - busy * 0.99] * 7,
    }  # fmt: skip
    return Feeding(**{**fields, **more})  # type: ignore[arg-type]


def fed() -> Document:
    """Loaders that feed an emulated accelerator well, badly, in vain, or not at all."""
    late = "stopped delivering after 3 rounds (deadline)"
    silent = [
        Feeding(batch_size=12, seq_len=1024, step_s=0.005, prefetch=depth, reason=late) for depth in (0, 2)
    ]
    void = throughput(512e6, struck_by="shift.exact")
    return document(
        [
            loader("in_memory", 48.9e6, feeding=[feeding(0.953), feeding(0.988, 2)]),
            loader("conversation_deque", 1.1e6, feeding=[feeding(0.361), feeding(0.614, 2)]),
            loader("stuck", 2e6, feeding=silent),
            loader(NASTY, 512e6, throughput=[void],
                   feeding=[feeding(0.99, depth, struck_by="shift.exact") for depth in (0, 2)]),
        ]
    )  # fmt: skip


def curve(axis: str, rates: list[float | None], **more: object) -> Scaling:
    values = {"workers": [0.0, 1.0, 2.0]}.get(axis, [4.0**place for place in range(len(rates))])
    fields: dict[str, object] = {
        "axis": axis, "unit": f"unit of {axis}", "values": values, "tokens_per_s": rates,
        "low": [rate and rate * 0.9 for rate in rates], "high": [rate and rate * 1.1 for rate in rates],
        "limit_tokens_per_s": [1e9] * len(rates), "rounds": [6 * bool(rate) for rate in rates],
    }  # fmt: skip
    return Scaling(**{**fields, **more})  # type: ignore[arg-type]


def scaled() -> Document:
    """Loaders followed along two axes, one in part, one in vain, one void."""
    late = "16: gave no first batch (deadline)"
    return document(
        [
            loader("in_memory", 48.9e6, scaling=[curve("batch_size", [2e7, 4.5e7, 9e7])]),
            loader("stuck", 2e6, scaling=[curve("batch_size", [1e6, 2e6, None], reason=late),
                                          curve("workers", [2e6, 1e6, 5e5])]),
            loader("other_data", 2e6, scaling=[Scaling(axis="row_group", unit="rows", reason="--data")]),
            loader(NASTY, 512e6, scaling=[curve("batch_size", [3e8, 5e8, 6e8], struck_by="shift.exact")]),
        ]
    )  # fmt: skip


def empty() -> Document:
    return document([])


EVERY = {"green": green, "red": red, "on_gpu": on_gpu, "fed": fed, "scaled": scaled, "empty": empty}
