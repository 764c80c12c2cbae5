"""How many threads a step is worth, so that none waits for another longer than it works."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from cotrain._base._ragged import Leaves
from cotrain.networks import MultiTaskNetwork
from cotrain.training._predict import outputs_of

#: Operations in a step for each thread. Threads meet after every layer, and where other work has taken one's
#: core they wait for it: steps of 256 rows in a table network of width 128 (0.15 billion) took 84 ms with one
#: thread and 1,175 with two beside other work on two cores, and 20 times the CPU; of width 256 (0.5 billion)
#: 115 and 736.
OPERATIONS_A_THREAD = 5e8
#: Of the forward pass and the backward one together, as a multiple of the forward one.
PASSES = 3
#: Of the update of a parameter: norm, clipping, AdamW, average.
OPERATIONS_A_PARAMETER = 30
#: Rows that are counted.
ROWS_COUNTED = 8


def _of_lstm(steps: Sequence[int], inputs: Sequence[int], hidden: Sequence[int], *_: Any, **__: Any) -> int:
    """Return the operations of a layer in one direction: a matrix product of each kind a position."""
    return 2 * math.prod(steps[:-1]) * (math.prod(inputs) + math.prod(hidden))


#: What PyTorch does not count by itself: the LSTM of oneDNN.
_COUNTED = {torch.ops.aten.mkldnn_rnn_layer: _of_lstm}


def threads_for(model: MultiTaskNetwork, inputs: Leaves, batch_size: int) -> int:
    """Return how many threads a training step is worth, at most those that torch may use now.

    It is counted, not measured, so that a fit that goes on from a checkpoint gets as many as before:

        threads = ⌊(3 F + 30 P) / 5·10⁸⌋, at least 1,

    with F the operations of the forward pass of a batch, as the matrix products and convolutions of some rows
    tell, and P the number of parameters. On an accelerator, or where there is one thread, nothing is counted.

    Args:
        model: the network.
        inputs: of all rows.
        batch_size: rows in a step.
    """
    most = torch.get_num_threads()
    if most == 1 or next(model.parameters()).device.type != "cpu":
        return most
    n_rows = len(next(iter(inputs.values())))
    some = {name: leaf[: min(ROWS_COUNTED, n_rows)] for name, leaf in inputs.items()}
    fast_attention = torch.backends.mha.get_fastpath_enabled()
    # What PyTorch puts together for inference, such as a whole layer of a Transformer, is not counted.
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with FlopCounterMode(display=False, custom_mapping=_COUNTED) as counted, using_threads(1):
            outputs_of(model, some)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_attention)
    forward = counted.get_total_flops() * batch_size / max(1, min(ROWS_COUNTED, n_rows))
    update = OPERATIONS_A_PARAMETER * sum(p.numel() for p in model.parameters() if p.requires_grad)
    return max(1, min(most, int((PASSES * forward + update) / OPERATIONS_A_THREAD)))


@contextmanager
def using_threads(number: int | None) -> Generator[None]:
    """Let torch use so many threads, and afterwards as many as before.

    Args:
        number: ≥ 1; `None`: as many as before.

    Example:
        >>> before = torch.get_num_threads()
        >>> with using_threads(1):
        ...     torch.get_num_threads()
        1
        >>> torch.get_num_threads() == before
        True
    """
    before = torch.get_num_threads()
    if number is None or number == before:
        yield
        return
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
