"""Random windows: every legal start as likely as every other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .checks import Opinion, bad, check, ok, skip
from .evidence import Evidence, Missing

FALSE_ALARM = 1e-6  # a correct loader fails once in a million runs


@check(
    "windows.uniform", "coverage",
    "Starts of random windows are uniform over all legal starts, the first and the last included "
    "(chi-squared test, false alarms once in a million).", "uniform",
)  # fmt: skip
def windows_uniform(evidence: Evidence) -> Opinion:
    if evidence.traits.order != "windows":
        return skip("no random windows are promised")
    trace = evidence.trace("uniform")
    legal = sum(trace.scenario.corpus.spec["documents"]) - int(trace.scenario.config["seq_len"])
    starts = np.concatenate([p[:, 0] for p in evidence.positions(trace.good, "uniform")])
    starts = starts[(starts >= 0) & (starts < legal)]
    if not len(starts):
        raise Missing("no row begins with a token that names its place")
    counts = np.bincount(starts, minlength=legal)
    never = np.flatnonzero(counts == 0)
    p_value = _chance_if_even(counts)
    # A start that so many draws leave out has a chance of 10**-20; one cell is too little for the test.
    if p_value >= FALSE_ALARM and not len(never):
        return ok(
            f"{len(starts)} starts over {legal} legal ones, p = {p_value:.2g}", p_value=p_value, starts=legal
        )
    return bad(
        f"{len(starts)} starts over {legal} legal ones are not uniform (p = {p_value:.2g}); "
        f"never drawn: {never.tolist()[:10]}",
        "a bound of the start sampler is off, so starts at the edge are never drawn" if len(never)
        else "starts are drawn with a bias: a modulo of a large number, or rounding",
        "A4",
        p_value=p_value,
        never_drawn=never.tolist()[:20],
        false_alarm_rate=FALSE_ALARM,
    )  # fmt: skip


def _chance_if_even(counts: npt.NDArray[np.int64]) -> float:
    """Of counts (starts,) as uneven as these or more, if every start is as likely (Pearson's chi-squared)."""
    from scipy.special import chdtrc  # scipy.stats, which has the whole test, takes a second to load

    even = counts.mean()
    return float(chdtrc(len(counts) - 1, ((counts - even) ** 2).sum() / even))
