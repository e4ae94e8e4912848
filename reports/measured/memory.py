"""Whether a subject leaks, and the samples that show it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from .says import says

MemoryVerdict = Literal["leak", "clean", "undecided", "not_measured"]


class MemorySeries(msgspec.Struct, kw_only=True):
    """Samples over batches; lists of equal length, or empty where nothing could be measured."""

    batch: Annotated[list[int], says("batches taken when the sample was made")] = []
    live_bytes: Annotated[
        list[int], says("allocator bytes in use, less the Arrow pool and declared buffers")
    ] = []
    arrow_bytes: Annotated[list[int], says("bytes held by the Arrow pool")] = []
    pinned_bytes: Annotated[list[int], says("page-locked host bytes in use; empty without CUDA")] = []
    rss_anon_bytes: Annotated[list[int], says("resident, anonymous: the program's own")] = []
    rss_file_bytes: Annotated[list[int], says("resident, file-backed: page cache, reclaimable")] = []
    rss_shmem_bytes: Annotated[list[int], says("resident, shared")] = []
    files: Annotated[list[int], says("open file descriptors")] = []
    mappings: Annotated[list[int], says("entries of /proc/self/maps")] = []
    threads: Annotated[list[int], says("threads of the process")] = []
    children: Annotated[list[int], says("processes below it")] = []
    segments: Annotated[list[int], says("shared-memory segments that this process tree holds")] = []


class Counted(msgspec.Struct, kw_only=True):
    """One resource beside live bytes, judged alone by the same rule."""

    name: Annotated[str, says("field of the series")]
    verdict: MemoryVerdict
    unit: Annotated[str, says("what is counted, in the plural")] = ""
    per_batch: Annotated[float | None, says("growth per batch; none unless it leaks")] = None
    visible_from: Annotated[float | None, says("smallest growth per batch that would have shown")] = None
    reason: str = ""


class Survivor(msgspec.Struct, kw_only=True):
    """Objects made at one line that outlive their batch, generation after generation."""

    where: Annotated[str, says("file:line that made them")]
    objects_per_batch: float = 0.0
    bytes_per_batch: float = 0.0
    by_generation: Annotated[list[int], says("objects still alive, by the generation they were born in")] = []
    batches: Annotated[int, says("batches in a generation")] = 0
    held_by: Annotated[str, says("the container that holds one of them, where it could be told")] = ""
    made_by: Annotated[str, says("for native memory: the function that took it, as memray tells")] = ""


class UnderLimit(msgspec.Struct, kw_only=True):
    """The same loader under --memory-limit: in a cgroup where one may be made, else of private memory."""

    limit_bytes: int
    survives: bool
    counts: Annotated[
        Literal["page cache too", "private memory"], says("what the limit counts; private memory is weaker")
    ] = "private memory"
    relative_speed: Annotated[float | None, says("batches per second, to those without the limit")] = None
    batches_per_s: Annotated[float | None, says("under the limit, the median of rounds")] = None
    batches: Annotated[int, says("n: batches taken under the limit")] = 0
    reason: str = ""


class Memory(msgspec.Struct, kw_only=True):
    """Whether a subject leaks, judged on live allocator bytes in a process of its own."""

    verdict: MemoryVerdict
    reason: Annotated[str, says("one sentence in words")] = ""
    bytes_per_batch: Annotated[float | None, says("growth of the round floors per batch")] = None
    visible_from: Annotated[
        float | None, says("smallest growth this run could have seen, bytes per batch")
    ] = None
    where: Annotated[str, says("file:line that made the leaked objects, where known")] = ""
    batches: Annotated[int, says("n: batches taken")] = 0
    batch_size: int = 0
    seq_len: int = 0
    judged_from: Annotated[int, says("batches left out as warm-up: rounds begin after them")] = 0
    floors_bytes: Annotated[list[int], says("lowest live bytes of each round, warm-up excluded")] = []
    missing: Annotated[str, says("a measure this system lacks, so that a coarser one was judged")] = ""
    counts: Annotated[list[Counted], says("other resources, each judged alone")] = []
    survivors: Annotated[list[Survivor], says("which lines made what is kept")] = []
    page_cache_bytes: Annotated[int | None, says("growth of file-backed memory: not a leak")] = None
    given_back_bytes: Annotated[
        int | None, says("file-backed memory that was gone once its pages were given back")
    ] = None
    under_limit: UnderLimit | None = None
    series: MemorySeries = msgspec.field(default_factory=MemorySeries)
