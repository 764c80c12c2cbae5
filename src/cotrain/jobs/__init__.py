"""Fits in several processes that share a folder."""

from cotrain.jobs._leases import Leases
from cotrain.jobs._pool import JobObserver, PoolJob, Where, run_jobs

__all__ = ["JobObserver", "Leases", "PoolJob", "Where", "run_jobs"]
