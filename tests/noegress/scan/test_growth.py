"""Work grows with the size of a file, not with its square: instructions of the scanner are counted, not seconds."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from noegress.artifact.member import Member
from noegress.scan.engine import analyse

SMALL, LARGE = 60, 240  # pieces; the work for four times as many is about four times as much
MOST = 5  # times; a square takes up to sixteen


def instructions(work: Callable[[], object]) -> int:
    """How many instructions of the interpreter some work takes."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    outer = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(outer)
    return count


def scan(source: str) -> Callable[[], object]:
    files = {"acme/__init__.py": "from acme import part\n", "acme/part.py": source}
    members = [Member(name=name, content=text.encode(), sha256="0" * 64) for name, text in files.items()]
    return lambda: analyse(members, kind="wheel", name="acme")


def settings_of_a_kit(pieces: int) -> str:
    """Calls of a kit, and as many settings of it, each with a value of its own."""
    settings = "".join(f"sentry_sdk.setting_{number} = 'value {number}'\n" for number in range(pieces))
    return f"import sentry_sdk\n{settings}" + "sentry_sdk.init(dsn=find())\n" * pieces


def functions_that_fetch(pieces: int) -> str:
    """Functions that fetch and mark nothing, so that each is asked whether it makes something executable."""
    return "import requests\n" + "".join(
        f"def fetch_{number}(path):\n    reply = requests.get(address_{number}())\n    keep(reply)\n"
        for number in range(pieces)
    )


def functions_that_execute(pieces: int) -> str:
    """Code that is executed beside network calls of other functions."""
    return "import requests\n" + "".join(
        f"def run_{number}(source):\n    exec(source)\n"
        f"def ask_{number}():\n    return requests.get('https://api.vendor-tools.io/{number}')\n"
        for number in range(pieces)
    )


def classes_of_settings(pieces: int) -> str:
    """Classes with a prefix, a provider and an address each, beside usage data that one of them may turn off."""
    start = (
        "import requests\nfrom pydantic import BaseSettings\ndef track_usage(settings):\n"
        "    if settings.telemetry:\n        requests.post('https://telemetry.vendor-tools.io/v1/events')\n"
    )
    return start + "".join(
        f"class Settings{number}(BaseSettings):\n    provider: str = 'one'\n    base_url = 'https://api.vendor-tools.io/{number}'\n"
        f"    def endpoint_{number}(self):\n        return requests.get(self.base_url)\n"
        for number in range(pieces)
    )


def functions_called_a_check(pieces: int) -> str:
    """Functions that are called a check, beside calls whose host is not known."""
    return "import requests\n" + "".join(
        f"def check_for_update_{number}():\n    return compare(newest_{number}())\n"
        f"def newest_{number}():\n    return requests.get(where_{number}())\n"
        for number in range(pieces)
    )


SHAPES = (
    settings_of_a_kit, functions_that_fetch, functions_that_execute, classes_of_settings, functions_called_a_check,
)  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_four_times_the_code_takes_about_four_times_the_work(shape: Callable[[int], str]) -> None:
    scan(shape(2))()  # what is made once
    small, large = (instructions(scan(shape(pieces))) for pieces in (SMALL, LARGE))
    assert large < MOST * small


def test_what_takes_the_square_is_seen() -> None:
    small, large = (instructions(lambda n=n: [a for a in range(n) for b in range(n)]) for n in (SMALL, LARGE))  # type: ignore[misc]
    assert large > MOST * small
