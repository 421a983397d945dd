"""What a refusal says, and what it leaves behind: the error, the chain of distributions, the events."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.sitecustomize_guard.environment import Guarded

TELEMETRY = """
import socket
def phone_home():
    return socket.create_connection(("telemetry.example.com", 443), 5)
async def phone_home_later():
    import asyncio
    await asyncio.open_connection("telemetry.example.com", 443)
"""


@pytest.fixture
def libraries(guarded: Guarded, tmp_path: Path) -> Path:
    """Two distributions as an installer lays them out: `Outer-Library` calls `telemetry-sdk`, imported as `tsdk`."""
    site = tmp_path / "lib" / "site-packages"
    for name, version, module, text in (
        ("telemetry_sdk", "2.1", "tsdk/client.py", TELEMETRY),
        (
            "outer_library",
            "0.9",
            "outer_library/work.py",
            "from tsdk.client import *\\ndef work(): return phone_home()",
        ),
    ):
        path = site / module
        path.parent.mkdir(parents=True)
        path.write_text(text.replace("\\n", "\n"), "utf-8")
        (path.parent / "__init__.py").touch()
        info = site / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "RECORD").write_text(f"{module},sha256=x,1\n", "utf-8")
    return site


def test_the_error_names_destination_chain_line_policy_and_what_to_add(guarded: Guarded, libraries: Path) -> None:
    code = f"import sys; sys.path.append({str(libraries)!r}); from outer_library.work import work\nwork()"
    done = guarded.run(code, policy={"allow": ["mirror.internal:443"], "source": "firewall.toml"})
    error = done.err.splitlines()[-1]
    assert "EgressRefused: [Errno 13] noegress-guard refused getaddrinfo to telemetry.example.com:443" in error
    assert "telemetry_sdk 2.1 ← outer_library 0.9 ← <application>" in error
    assert f"{libraries}/tsdk/client.py:4" in error
    assert f"{guarded.folder}/guard.json" in error
    assert 'add "telemetry.example.com:443" to [egress] allow in firewall.toml' in error


def test_a_lookup_in_a_resolver_thread_names_the_task_that_waits_for_it(guarded: Guarded, libraries: Path) -> None:
    code = f"""
import asyncio, sys
sys.path.append({str(libraries)!r})
from tsdk.client import phone_home_later
asyncio.run(phone_home_later())
"""
    error = guarded.run(code, policy={"allow": []}).err.splitlines()[-1]
    assert "telemetry_sdk 2.1" in error
    assert f"{libraries}/tsdk/client.py:7" in error


def events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


THREADS = {
    "a thread": "threading.Thread(target=phone_home).start()",
    "a thread of a thread": "t = threading.Thread; t(target=lambda: t(target=phone_home).start()).start()",
    "a timer": "threading.Timer(0.01, phone_home).start()",
    "a pool": "pool.submit(phone_home).exception()",
}


@pytest.mark.parametrize("case", THREADS)
def test_a_thread_is_laid_at_the_door_of_who_started_it(guarded: Guarded, libraries: Path, case: str) -> None:
    """Its own stack begins with its start, as that of a vendor's client which sends in the background."""
    path = guarded.folder / "events.jsonl"
    (libraries / "outer_library" / "later.py").write_text(
        f"import threading, concurrent.futures\nfrom tsdk.client import phone_home\n"
        f"pool = concurrent.futures.ThreadPoolExecutor()\ndef work():\n    {THREADS[case]}\n",
        "utf-8",
    )
    code = f"import sys; sys.path.append({str(libraries)!r}); from outer_library.later import work\nwork()"
    guarded.run(code, policy={"allow": []}, NOEGRESS_GUARD_EVENTS=str(path))
    (event,) = events(path)
    assert [part["name"] for part in event["distributions"]] == ["telemetry_sdk", "outer_library", "<application>"]


def test_the_error_is_an_os_error_that_travels_between_processes(guarded: Guarded) -> None:
    code = """
import errno, pickle, socket
try:
    socket.create_connection(("203.0.113.1", 80))
except OSError as error:
    copy = pickle.loads(pickle.dumps(error))
    print(copy.errno == errno.EACCES, isinstance(copy, PermissionError), copy.noegress["destination"])
"""
    assert guarded.run(code, policy={"allow": []}).out == "True True 203.0.113.1:80"


REPEAT = """
import socket
for _ in range({times}):
    try:
        socket.create_connection(("203.0.113.1", 80))
    except OSError:
        pass
"""


def test_repetitions_are_counted_and_not_written_one_by_one(guarded: Guarded) -> None:
    path = guarded.folder / "events.jsonl"
    guarded.run(REPEAT.format(times=25), policy={"allow": []}, NOEGRESS_GUARD_EVENTS=str(path))
    found = events(path)
    assert [event["count"] for event in found] == [1, 10, 25]
    assert {event["destination"] for event in found} == {"203.0.113.1:80"}
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_event_holds_what_a_log_needs(guarded: Guarded, libraries: Path) -> None:
    path = guarded.folder / "events.jsonl"
    code = f"import sys; sys.path.append({str(libraries)!r}); from outer_library.work import work\nwork()"
    guarded.run(code, policy={"allow": []}, NOEGRESS_GUARD_EVENTS=str(path))
    (event,) = events(path)
    assert event["format"] == 1
    assert event["event"] == "refused"
    assert event["layer"] == "python"
    assert (event["host"], event["port"], event["protocol"]) == ("telemetry.example.com", 443, "tcp")
    assert event["distributions"][0] == {"name": "telemetry_sdk", "version": "2.1"}
    assert event["file"].endswith("tsdk/client.py")
    assert event["line"] == 4
    assert event["command"][0] == str(guarded.python)
    assert event["time"].endswith("Z")
    assert event["policy"] == [str(guarded.folder / "guard.json")]


def test_a_variable_that_is_unset_afterwards_hides_nothing(guarded: Guarded) -> None:
    code = "import os; del os.environ['NOEGRESS_GUARD_EVENTS']\n" + REPEAT.format(times=1)
    assert json.loads(guarded.run(code, policy={"allow": []}, NOEGRESS_GUARD_EVENTS="fd:1").out)["count"] == 1


def test_events_go_to_a_descriptor(guarded: Guarded) -> None:
    done = guarded.run(REPEAT.format(times=1), policy={"allow": []}, NOEGRESS_GUARD_EVENTS="fd:1")
    assert json.loads(done.out)["count"] == 1


@pytest.mark.parametrize("target", ["/nowhere/events", "fd:x", "fd:77"])
def test_events_that_cannot_be_written_go_to_standard_error(guarded: Guarded, target: str) -> None:
    done = guarded.run(REPEAT.format(times=11), policy={"allow": []}, NOEGRESS_GUARD_EVENTS=target)
    complaint, *lines = done.err.splitlines()
    assert complaint.startswith(f"noegress-guard: NOEGRESS_GUARD_EVENTS='{target}'")
    assert [json.loads(line)["count"] for line in lines] == [1, 10, 11]


def test_a_pipe_in_the_place_of_the_events_holds_nothing_up(guarded: Guarded) -> None:
    path = guarded.folder / "events.jsonl"
    os.mkfifo(path)
    done = guarded.run(REPEAT.format(times=1), policy={"allow": []}, NOEGRESS_GUARD_EVENTS=str(path))
    assert json.loads(done.err.splitlines()[-1])["count"] == 1


def test_a_forked_child_counts_anew(guarded: Guarded) -> None:
    path = guarded.folder / "events.jsonl"
    code = REPEAT.format(times=2) + "import os\nif os.fork() == 0:\n" + REPEAT.format(times=2).replace("\n", "\n    ")
    code += "\nelse: os.wait()"
    guarded.run(code, policy={"allow": []}, NOEGRESS_GUARD_EVENTS=str(path))
    assert sorted(event["count"] for event in events(path)) == [1, 1, 2, 2]


def test_a_child_of_multiprocessing_counts_to_the_end(guarded: Guarded) -> None:
    """It ends without what is registered for the exit of an interpreter."""
    path = guarded.folder / "events.jsonl"
    program = guarded.folder / "program.py"
    attempts = "\n".join("    " + line for line in REPEAT.format(times=5).strip().splitlines())
    program.write_text(
        f"import multiprocessing\ndef work():\n{attempts}\nif __name__ == '__main__':\n"
        "    child = multiprocessing.get_context('fork').Process(target=work); child.start(); child.join()\n",
        "utf-8",
    )
    policy = guarded.write({"allow": []})
    guarded.execute(
        str(guarded.python), str(program), NOEGRESS_GUARD_POLICY=str(policy), NOEGRESS_GUARD_EVENTS=str(path)
    )
    assert max(event["count"] for event in events(path)) == 5


MESSAGES = {
    "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)": (
        "refused a socket (raw): the guard cannot see where it sends to (policy {policy}); tried by <application> at "
        "<string>:2; no policy can allow it"
    ),
    "socket.socket().bind(('secret.example', 0))": (
        "refused bind to secret.example:0: it is not on the allowlist of {policy}; tried by <application> at "
        '<string>:2; to allow it, add "secret.example:PORT" to [egress] allow in noegress.toml and run'
    ),
    "import os; os.environ['HOSTALIASES'] = 'x'": "refused to set HOSTALIASES: lookups of listed names would carry",
    "socket.getnameinfo(('203.0.113.1', 80), 0)": 'add "203.0.113.1:PORT" to [egress] allow in noegress.toml',
}


@pytest.mark.parametrize("attempt", MESSAGES)
def test_a_message_says_what_was_tried_and_what_would_help(guarded: Guarded, attempt: str) -> None:
    done = guarded.run(f"import socket\n{attempt}", policy={"allow": []})
    assert MESSAGES[attempt].format(policy=guarded.folder / "guard.json") in done.err


def test_many_different_destinations_do_not_flood_the_log(guarded: Guarded) -> None:
    path = guarded.folder / "events.jsonl"
    code = """
import socket
for number in range(1500):
    try:
        socket.socket().connect(("203.0.113.1", number))
    except OSError:
        pass
"""
    guarded.run(code, policy={"allow": []}, NOEGRESS_GUARD_EVENTS=str(path))
    found = events(path)
    assert len(found) == 1000 + 4
    assert max(event["count"] for event in found) == 500
