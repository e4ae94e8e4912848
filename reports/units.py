"""Numbers as people read them: three figures, an SI prefix, and always the unit."""

from __future__ import annotations

import math

MISSING = "\N{EN DASH}"
_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))


def figures(value: float, digits: int = 3) -> str:
    """Return the value with so many significant figures, whole numbers whole, and never an exponent.

    >>> figures(48.912), figures(1234567.0), figures(0.00123456), figures(0.0)
    ('48.9', '1,234,567', '0.00123', '0')
    """
    if not math.isfinite(value):
        return MISSING
    if value == 0:
        return "0"
    decimals = digits - 1 - math.floor(math.log10(_rounded(value, digits)))
    return f"{value:,.{max(0, decimals)}f}"


def _rounded(value: float, digits: int) -> float:
    """The size a reader will see: 999.96 shows as 1,000 and so takes the next prefix and fewer decimals."""
    return float(f"{abs(value):.{digits - 1}e}")


def scaled(value: float, *others: float) -> tuple[str, tuple[str, ...], str]:
    """Return the value, the others at the same scale, and the SI prefix they share.

    >>> scaled(48.9e6, 47.1e6, 50.3e6)
    ('48.9', ('47.1', '50.3'), 'M')
    """
    size = _rounded(value, 3)
    factor, prefix = next((pair for pair in _PREFIXES if size >= pair[0]), (1.0, ""))
    return figures(value / factor), tuple(figures(other / factor) for other in others), prefix


def quantity(value: float | None, unit: str) -> str:
    """Return the value with its prefixed unit, or a dash.

    >>> quantity(196_608, "B"), quantity(12.4e9, "B/s"), quantity(None, "B")
    ('197 kB', '12.4 GB/s', '–')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    text, _, prefix = scaled(value)
    return f"{text} {prefix}{unit}"


def count(value: float | None) -> str:
    """Return a number of things with its prefix: ``48.9 M``; the unit stands in the heading."""
    return quantity(value, "").rstrip()


def rate(value: float | None) -> str:
    """Return tokens per second, the prefix apart from the word: ``48.9 M tokens/s``."""
    return MISSING if value is None else f"{count(value)} tokens/s"


def interval(value: float | None, low: float | None, high: float | None) -> str:
    """Return the ends of an interval at the scale of its median, or nothing.

    >>> interval(48.9e6, 47.1e6, 50.3e6)
    '47.1–50.3 M'
    """
    if value is None or low is None or high is None:
        return ""
    _, (lower, upper), prefix = scaled(value, low, high)
    return f"{lower}\N{EN DASH}{upper} {prefix}".rstrip()


def microseconds(value: float | None) -> str:
    """Return a time given in microseconds in the unit that suits it.

    >>> microseconds(12.3), microseconds(45678.0), microseconds(2.5e6)
    ('12.3 µs', '45.7 ms', '2.50 s')
    """
    if value is None:
        return MISSING
    for factor, unit in ((1e6, "s"), (1e3, "ms")):
        if _rounded(value, 3) >= factor:
            return f"{figures(value / factor)} {unit}"
    return f"{figures(value)} µs"


def seconds(value: float | None) -> str:
    """Return a time given in seconds in the unit that suits it."""
    return MISSING if value is None else microseconds(value * 1e6)


def percent(share: float | None) -> str:
    """Return a share of one as a percentage of two figures.

    >>> percent(0.0351), percent(1.042), percent(0.00012)
    ('3.5 %', '104 %', '0.012 %')
    """
    if share is None:
        return MISSING
    return f"{figures(share * 100, 3 if share >= 1 else 2)} %"


def shape(batch_size: int, seq_len: int) -> str:
    """Return a batch shape: rows by tokens."""
    return f"{batch_size} \N{MULTIPLICATION SIGN} {seq_len}"
