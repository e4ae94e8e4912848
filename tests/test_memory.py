"""Memory for batches comes back only when nobody holds any part of it."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import torch
from loadstone.loaders.memory import MOST, BatchMemory

HOLDERS = {
    "the tensor": lambda tensor: tensor,
    "a row": lambda tensor: tensor[0],
    "a reshaped view": lambda tensor: tensor.view(-1)[1:],
    "an array of it": lambda tensor: tensor.numpy(),
    "a slice of an array of it": lambda tensor: tensor.numpy()[1],
    "a memoryview": lambda tensor: memoryview(tensor.numpy()),
    "its storage": lambda tensor: tensor.untyped_storage(),
    "a DLPack capsule": torch.utils.dlpack.to_dlpack,
    "a detached alias": lambda tensor: tensor.detach(),
}


@pytest.mark.parametrize("hold", HOLDERS.values(), ids=HOLDERS)
def test_what_anyone_holds_is_not_given_again(hold):
    memory = BatchMemory()
    held = hold(memory.empty(2, 3)[0].fill_(7))
    others = [memory.empty(2, 3)[0].fill_(9) for _ in range(3)]
    now = held if isinstance(held, torch.Tensor | np.ndarray) else None
    if now is not None:
        assert (torch.as_tensor(now) == 7).all()
    del held, now
    gc.collect()
    again = [memory.empty(2, 3)[0]]
    assert again[0].data_ptr() not in {other.data_ptr() for other in others}
    assert memory.nbytes == 4 * 6 * 8  # the first one came back


def test_one_at_a_time_is_the_same_memory():
    memory = BatchMemory(dtype=np.int32)
    places = set()
    for _ in range(50):
        tensor = memory.empty(4, 5)[0]
        assert (tensor.dtype, tensor.shape, tensor.is_contiguous()) == (torch.int32, (4, 5), True)
        places.add(tensor.data_ptr())
        del tensor
    assert len(places) == 1


def test_a_consumer_that_keeps_all_gets_new_memory_and_the_pool_stays_small():
    memory = BatchMemory()
    kept = [memory.empty(8)[0] for _ in range(3 * MOST)]
    assert len({tensor.data_ptr() for tensor in kept}) == len(kept)
    assert memory.nbytes == MOST * 64


def test_another_shape_has_memory_of_its_own():
    memory = BatchMemory()
    small = memory.empty(2)[0].fill_(1)
    del small
    assert memory.empty(3)[0].shape == (3,)
