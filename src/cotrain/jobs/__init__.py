"""Fits in several processes that share a folder."""

from cotrain.jobs._beside import Beside, spare_cores
from cotrain.jobs._leases import Leases
from cotrain.jobs._pool import JobObserver, PoolJob, Where, run_jobs

__all__ = ["Beside", "JobObserver", "Leases", "PoolJob", "Where", "run_jobs", "spare_cores"]
