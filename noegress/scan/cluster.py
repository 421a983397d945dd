"""A Dask cluster as the executor of a scan; its workers must see the same files under the same paths."""

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from noegress.errors import UsageError

TIMEOUT = 10.0  # seconds in which a scheduler must answer


@contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """The executor of the cluster whose scheduler is at ``address``, for ``scan_files``.

    Raises ``UsageError`` where ``noegress[dask]`` is not installed or nobody answers.
    """
    try:
        from distributed import Client  # noqa: PLC0415 - an extra
    except ImportError as error:
        fix = "pip install 'noegress[dask]'"
        raise UsageError(f"--dask needs an extra that is not installed ({error.name})", fix=fix) from error
    try:
        client = Client(address, timeout=TIMEOUT, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        fix = "name the address that the scheduler prints when it starts, tcp://HOST:PORT"
        raise UsageError(f"no Dask scheduler answers at {address}", fix=fix) from error
    with client, client.get_executor(retries=0) as executor:  # type: ignore[no-untyped-call]
        yield executor
