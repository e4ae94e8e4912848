"""Random starts that are not as likely as each other."""

from __future__ import annotations

import numpy as np

from .entry import PLANTED, exhibit
from .token_bases import WINDOWS, Ints, Windows


@exhibit(PLANTED, "windows.uniform", stated=WINDOWS)
class NeverTheFirst(Windows):
    """The sampler's lower bound is one: the first token is never an input."""

    def starts(self) -> Ints:  # noqa: D102
        last = len(self.ids) - self.T - 1
        return np.minimum(self.rng.integers(1, last + 2, self.B), last)


@exhibit(PLANTED, "windows.uniform", stated=WINDOWS)
class BiasedDraw(Windows):
    """Two draws are added where one was meant: the middle of the file is seen most."""

    def starts(self) -> Ints:  # noqa: D102
        legal = len(self.ids) - self.T
        return (self.rng.integers(0, legal, self.B) + self.rng.integers(0, legal, self.B)) // 2


@exhibit(PLANTED, "windows.uniform", stated=WINDOWS)
class OnlyMultiplesOfFour(Windows):
    """Starts are rounded down to an aligned address, so three in four are never drawn."""

    def starts(self) -> Ints:  # noqa: D102
        legal = len(self.ids) - self.T
        chosen = self.rng.integers(0, legal, self.B)
        return np.where(chosen == legal - 1, chosen, chosen // 4 * 4)
