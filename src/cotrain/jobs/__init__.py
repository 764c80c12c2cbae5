"""Fits in several processes that share a folder."""

from cotrain.jobs._leases import Leases
from cotrain.jobs._pool import JobObserver, PoolJob, Where, run_jobs
from cotrain.jobs._worker_process import start_worker

__all__ = ["JobObserver", "Leases", "PoolJob", "Where", "run_jobs", "start_worker"]
