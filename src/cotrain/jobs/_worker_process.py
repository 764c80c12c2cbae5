"""How a worker process begins, and when it ends."""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import threading
from collections.abc import Mapping
from multiprocessing.context import ForkServerContext, SpawnContext
from pathlib import Path

import torch

from cotrain._base import RunError

#: What every worker needs and takes seconds to load: PyTorch's optimisers load its compiler. None of them
#: leaves a thread with a lock behind, as Polars does, which each worker loads itself.
PRELOADED = ("torch", "torch._dynamo", "rtdl_num_embeddings", "sklearn.ensemble")
#: Most bytes in the path of the temporary folder that leave room for the name of a socket in it.
LONGEST_FOLDER = 70


def worker_context() -> ForkServerContext | SpawnContext:
    """Return how workers are started: clean, and where it can be from a process that has loaded libraries.

    A fork of this process would copy locks that other threads hold. On Linux a process that does nothing else
    loads `PRELOADED` once, for as long as this one lives, and workers are forks of that; elsewhere, and where
    the socket by which they are asked for would have too long a path, each is spawned.
    """
    can_fork = sys.platform == "linux" and "forkserver" in multiprocessing.get_all_start_methods()
    if not can_fork or len(os.fsencode(tempfile.gettempdir())) > LONGEST_FOLDER:
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    return context


def require_guarded_main(what: str) -> None:
    """Raise `RunError` if worker processes, which load the script that runs, would do all of it again.

    Args:
        what: starts worker processes.
    """
    main = sys.modules.get("__main__")
    script = Path(getattr(main, "__file__", None) or "")
    if getattr(main, "__spec__", None) is not None or script.suffix != ".py" or not script.is_file():
        return
    if "__name__" not in script.read_text(encoding="utf-8", errors="replace"):
        raise RunError(
            f"{what} starts processes that load {script.name} anew, and each would begin {what} again: put "
            'what the script does under the line if __name__ == "__main__": and start it again.'
        )


def start_worker(environment: Mapping[str, str], threads: int = 1) -> None:
    """Use so many threads, and end when the process that asked for the work is gone.

    Args:
        environment: the variables of the process that asks, now; those that a worker is a fork of are older.
        threads: ≥ 1.
    """
    from threadpoolctl import threadpool_limits

    os.environ.clear()
    os.environ.update(environment)
    torch.set_num_threads(threads)
    threadpool_limits(threads)
    # What is loaded later, such as scikit-learn's own OpenMP and the BLAS of SciPy, reads these as it begins.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)

    def watch() -> None:
        asking = multiprocessing.parent_process()
        if asking is not None:
            asking.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
