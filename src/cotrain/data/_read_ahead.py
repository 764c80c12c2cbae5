"""Rows of files, decoded while something else goes on."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from torch import Tensor

from cotrain._base._lazy import THREADS, Lazy
from cotrain._base._ragged import Leaf

Key = TypeVar("Key")


def read_ahead(leaves: Mapping[Key, Lazy], chosen: Sequence[slice | Tensor]) -> Generator[dict[Key, Leaf]]:
    """Give the decoded rows of one batch after the other, the next ones being decoded meanwhile.

    At most two batches are held. The order is that of `chosen`, whichever file is read first, and an error is
    raised where its batch would come.

    Args:
        leaves: rows of files.
        chosen: which rows each batch takes.

    Raises:
        DataError: a file cannot be decoded.

    Example:
        >>> import torch
        >>> rows = Lazy(["a", "bb", "ccc"], lambda path: torch.tensor(len(path)))
        >>> [batch["x"].tolist() for batch in read_ahead({"x": rows}, [slice(0, 2), slice(2, 3)])]
        [[1, 2], [3]]
    """
    if not leaves:
        for _ in chosen:
            yield {}
        return
    pool = ThreadPoolExecutor(THREADS)
    try:
        ahead: deque[dict[Key, tuple[Lazy, list[Future[Tensor]]]]] = deque()
        for rows in chosen:
            parts = {key: leaf[rows] for key, leaf in leaves.items()}
            ahead.append({key: (part, part.started(pool)) for key, part in parts.items()})
            if len(ahead) > 1:
                yield _finished(ahead.popleft())
        while ahead:
            yield _finished(ahead.popleft())
    finally:
        # Whoever stops in the middle of an epoch does not wait for files that nobody wants.
        pool.shutdown(wait=True, cancel_futures=True)


def _finished(started: Mapping[Key, tuple[Lazy, list[Future[Tensor]]]]) -> dict[Key, Leaf]:
    return {key: part.joined([row.result() for row in rows]) for key, (part, rows) in started.items()}
