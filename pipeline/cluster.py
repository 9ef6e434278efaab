"""A Ray cluster to work in: found or started, quiet, its errors told in one line."""

from __future__ import annotations

import logging
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.errors import PipelineError

__all__ = ["cluster"]

_STORE = 256 * 1024**2  # bytes under way in a cluster of one machine: names of files, texts of a corpus


@contextmanager
def cluster(address: str | None, workers: int | None) -> Iterator[int]:
    """A Ray cluster, left again at the end unless the caller was in it before; gives how many actors it shall hold.

    Args:
        address: host:port of its head, or auto; None for one of this machine alone.
        workers: actors; by default one a core of the cluster.

    Raises:
        PipelineError: Ray is absent, or the cluster cannot be reached, or fails; or a task in it raised one.
    """
    # read when Ray is imported: nothing is sent about its use, nothing of its C++ core is printed
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
    try:
        import ray.data
    except ImportError as error:
        raise PipelineError("Ray is not installed", mend="pip install 'baogao[distributed]'") from error
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # what it logs is raised as well
    joined = ray.is_initialized()
    alone = {} if address else {"num_cpus": workers, "include_dashboard": False, "object_store_memory": _STORE}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="ray")
        try:
            if not joined:
                _reach(address)
                ray.init(address or "local", log_to_driver=False, logging_level=logging.ERROR, **alone)
            yield workers or int(ray.cluster_resources().get("CPU", 1))
        except ConnectionError as error:
            raise PipelineError(f"no Ray cluster: {error}", mend="start one: `ray start --head`") from error
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, PipelineError):
                raise error.cause from error
            raise
        except ray.exceptions.RayError as error:
            what = f"the cluster failed: {str(error).splitlines()[0]}"
            raise PipelineError(what, mend="see to its machines; --resume goes on") from error
        finally:
            if not joined:
                ray.shutdown()


def _reach(address: str | None) -> None:
    """Raise if nobody listens there: Ray itself would try for minutes, and then end the process."""
    if address not in (None, "auto"):
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=10).close()
        except (OSError, ValueError, OverflowError) as error:
            mend = "give host:port as `ray start --head` prints it, or auto on a machine of the cluster"
            raise PipelineError(f"--address {address}: no Ray cluster there", mend=mend) from error
