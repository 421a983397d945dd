"""Progress of long work, on a terminal only and never among the results."""

from collections.abc import Iterable, Iterator
from typing import TextIO, TypeVar

Item = TypeVar("Item")


def shown_progress(items: Iterable[Item], total: int, stream: TextIO) -> Iterator[Item]:
    """The items as they come; a bar with ``noegress[cli]``, a count without it, nothing where no one watches."""
    if total < 2 or not stream.isatty():
        yield from items
        return
    try:
        from rich.console import Console  # noqa: PLC0415 - an extra; a missing one never breaks a scan
        from rich.progress import track  # noqa: PLC0415
    except ImportError:
        yield from _counted(items, total, stream)
        return
    console = Console(file=stream)
    yield from track(items, description="scanning", total=total, console=console, transient=True)


def _counted(items: Iterable[Item], total: int, stream: TextIO) -> Iterator[Item]:
    for number, item in enumerate(items, 1):
        stream.write(f"\rscanning: {number} of {total}")
        stream.flush()
        yield item
    stream.write("\r\x1b[K")
    stream.flush()
