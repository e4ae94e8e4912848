"""How fast a subject is: throughput, feeding an accelerator, and scaling."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from .says import says

# Shares at which the distribution of the time of a batch is kept.
BATCH_SHARES: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)


class Throughput(msgspec.Struct, kw_only=True):
    """Speed of one subject at one batch shape, in one thread; medians over interleaved rounds."""

    batch_size: int
    seq_len: int
    tokens_per_s: Annotated[float | None, says("median of the rounds; null if not measured")]
    low: Annotated[float | None, says("lower end of the 95 % interval of the median, tokens/s")]
    high: Annotated[float | None, says("upper end of the 95 % interval of the median, tokens/s")]
    rounds: Annotated[int, says("n: rounds measured")]
    processes: Annotated[
        int, says("in so many processes: one a round, or one in all where it starts slowly; 0: not said")
    ] = 0
    limit_tokens_per_s: Annotated[
        float | None, says("copy limit: uint16 widened into x and y, median of the same rounds")
    ] = None
    limit_low: Annotated[float | None, says("its 95 % interval, lower end, tokens/s")] = None
    limit_high: Annotated[float | None, says("its 95 % interval, upper end, tokens/s")] = None
    limit_share: Annotated[float | None, says("median of the rounds' ratios to the limit")] = None
    work: Annotated[str, says("what this kind of data cannot do without: decode, tokenise; else empty")] = ""
    work_tokens_per_s: Annotated[float | None, says("that alone, median of the same rounds")] = None
    work_share: Annotated[float | None, says("median of the rounds' ratios to it")] = None
    supervised_tokens_per_s: Annotated[
        float | None, says("the rate times the share of targets that are supervised")
    ] = None
    startup_s: Annotated[float | None, says("from calling the factory to having an iterator")] = None
    first_batch_s: Annotated[float | None, says("from there to the first batch")] = None
    cold_first_batch_s: Annotated[
        float | None, says("from calling the factory, the files not in the page cache; null if not evicted")
    ] = None
    first_pass_s: Annotated[
        float | None,
        says("of a pass gone through before timing, by a loader that holds the corpus; null if none was"),
    ] = None
    batch_p50_us: Annotated[float | None, says("median time of one batch")] = None
    batch_p99_us: Annotated[float | None, says("99th percentile of the time of one batch")] = None
    batch_quantiles_us: Annotated[
        list[float],
        says(f"times not exceeded by these shares of the batches: {', '.join(map(str, BATCH_SHARES))}"),
    ] = []
    cpu_s_per_mtoken: Annotated[float | None, says("CPU seconds per million tokens")] = None
    samples_tokens_per_s: Annotated[list[float], says("one rate for each round")] = []
    limit_samples_tokens_per_s: Annotated[list[float], says("the limit in the same rounds")] = []
    struck_by: Annotated[str, says("the failed check that makes this row void; else empty")] = ""
    reason: Annotated[str, says("why it was not measured; else empty")] = ""


class Feeding(msgspec.Struct, kw_only=True):
    """How well one subject feeds an emulated accelerator; medians over interleaved rounds.

    After each batch the accelerator computes for ``step_s``, in which the host's core is idle.
    """

    batch_size: int
    seq_len: int
    step_s: Annotated[float, says("how long the accelerator computes on a batch")]
    prefetch: Annotated[int, says("batches a background thread keeps ready; 0: the loader as it is")]
    utilisation: Annotated[float | None, says("share of the time in which the accelerator computes")] = None
    utilisation_low: Annotated[float | None, says("its 95 % interval, lower end")] = None
    utilisation_high: Annotated[float | None, says("its 95 % interval, upper end")] = None
    data_loading_share: Annotated[
        float | None, says("share of the time in which the consumer waits for the next batch")
    ] = None
    data_loading_low: Annotated[float | None, says("its 95 % interval, lower end")] = None
    data_loading_high: Annotated[float | None, says("its 95 % interval, upper end")] = None
    ceiling_utilisation: Annotated[
        float | None, says("utilisation with a loader that costs nothing, in the same rounds")
    ] = None
    rounds: Annotated[int, says("n: rounds measured")] = 0
    steps: Annotated[int, says("steps in all rounds")] = 0
    samples_utilisation: Annotated[list[float], says("one share for each round")] = []
    samples_data_loading: Annotated[list[float], says("one share for each round")] = []
    struck_by: Annotated[str, says("the failed check that makes this row void; else empty")] = ""
    reason: Annotated[str, says("why it was not measured; else empty")] = ""


class Scaling(msgspec.Struct, kw_only=True):
    """Speed of one subject along one axis; lists of equal length, one entry a point.

    Like throughput, but of few short rounds; at each point all subjects are measured in the same ones.
    """

    axis: Annotated[str, says("batch_size, seq_len, corpus, row_group, buffer_size or workers")]
    unit: Annotated[str, says("unit of the values, in words")] = ""
    values: Annotated[list[float], says("the points, ascending")] = []
    tokens_per_s: Annotated[list[float | None], says("median of the rounds; null if not measured")] = []
    low: Annotated[list[float | None], says("lower end of its 95 % interval, tokens/s")] = []
    high: Annotated[list[float | None], says("upper end of its 95 % interval, tokens/s")] = []
    limit_tokens_per_s: Annotated[
        list[float | None], says("copy limit at that batch shape, median of the same rounds")
    ] = []
    rounds: Annotated[list[int], says("n: rounds measured at each point")] = []
    struck_by: Annotated[str, says("the failed check that makes this curve void; else empty")] = ""
    reason: Annotated[str, says("why points, or all of them, were not measured; else empty")] = ""

    def measured(self) -> bool:
        """Whether there is a number at any point."""
        return any(rate is not None for rate in self.tokens_per_s)
