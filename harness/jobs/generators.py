"""The global random generators: what state they are in, and draws that move them."""

from __future__ import annotations

import pickle
import random

import numpy as np
import torch


def global_states() -> dict[str, int]:
    """A digest of each global random generator."""
    return {
        "torch": hash(torch.get_rng_state().numpy().tobytes()),
        "numpy": hash(pickle.dumps(np.random.get_state(legacy=False))),  # as text it takes ten milliseconds
        "random": hash(random.getstate()),
    }


def disturb() -> None:
    """Draw from each of them, as a dropout layer or another sampler would."""
    torch.rand(3)
    np.random.rand(3)
    random.random()
