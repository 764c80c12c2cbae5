"""How a worker process begins, and when it ends."""

from __future__ import annotations

import os
import threading
import time

import torch


def start_worker(parent: int, threads: int = 1) -> None:
    """Use so many threads, and end when the process that asked for the work is gone."""
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(threads)
    threadpool_limits(threads)
    # What is loaded later, such as scikit-learn's own OpenMP and the BLAS of SciPy, reads these as it begins.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
