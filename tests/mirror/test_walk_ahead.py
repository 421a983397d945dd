"""What an installer will ask for next is judged before it asks, and nothing that asking would not give."""

import time

import pytest
from devpi_noegress.admission.walk_ahead import environment_of
from mirror_lab import Index, Published, Served

PIP = (
    'pip/26.0 {"cpu":"x86_64","distro":{"libc":{"lib":"glibc","version":"2.36"},"name":"Debian GNU/Linux"},'
    '"implementation":{"name":"CPython","version":"3.11.7"},"python":"3.11.7","system":{"name":"Linux"}}'
)


def ask(mirror: Served, published: Published, agent: str = "a client") -> int:
    mirror.page(published.filename.split("-")[0].replace("_", "-"))
    return mirror.get(mirror.file_path(published.content, published.filename), User_Agent=agent).status


def is_fetched(index: Index, published: Published, *, within: float) -> bool:
    end = time.monotonic() + within
    while time.monotonic() < end:
        if f"/files/{published.filename}" in index.asked:
            return True
        time.sleep(0.05)
    return False


def test_requirements_are_judged_ahead_to_the_end(mirror: Served, shared_index: Index) -> None:
    leaf = shared_index.publish("walk-leaf", "1.0")
    shared_index.publish("walk-leaf", "2.0")
    other = shared_index.publish("walk-other", "1.0")
    never = shared_index.publish("walk-never", "1.0")
    extra = shared_index.publish("walk-extra", "1.0")
    requires = ["walk-leaf<2", "walk-never; sys_platform == 'win32'", "walk-extra; extra == 'more'"]
    middle = shared_index.publish("walk-middle", "1.0", requires=requires)
    top = shared_index.publish(
        "walk-top", "1.0", requires=["walk-middle", "walk-other", "acme-walked", "denied-walked"]
    )
    hidden = shared_index.publish("acme-walked", "1.0")
    denied = shared_index.publish("denied-walked", "1.0")
    assert ask(mirror, top, PIP) == 200
    for published in (middle, leaf, other):
        assert is_fetched(shared_index, published, within=20), published.filename
    assert ask(mirror, leaf) == 200
    for published in (never, extra, hidden, denied):
        assert f"/files/{published.filename}" not in shared_index.asked
    assert "/simple/acme-walked/" not in shared_index.asked
    assert "/files/walk_leaf-2.0-py3-none-any.whl" not in shared_index.asked


def test_nothing_is_guessed_for_a_client_that_does_not_say_where_it_is(mirror: Served, shared_index: Index) -> None:
    below = shared_index.publish("walk-quiet-below", "1.0")
    top = shared_index.publish("walk-quiet", "1.0", requires=["walk-quiet-below"])
    assert ask(mirror, top) == 200
    assert not is_fetched(shared_index, below, within=1)


def test_a_circle_ends(mirror: Served, shared_index: Index) -> None:
    one = shared_index.publish("walk-one", "1.0", requires=["walk-two"])
    two = shared_index.publish(
        "walk-two", "1.0", requires=["walk-one", "walk-missing", "walk-bad @ https://x.example/"]
    )
    assert ask(mirror, one, PIP) == 200
    assert is_fetched(shared_index, two, within=20)
    assert ask(mirror, two) == 200
    assert shared_index.asked.count(f"/files/{one.filename}") == 1


@pytest.mark.parametrize(
    ("user_agent", "said"),
    [
        (PIP, "CPython 3.11 on manylinux_2_36_x86_64"),
        (
            'uv/0.13 {"python":"3.12.1","cpu":"aarch64","distro":{"libc":{"lib":"glibc","version":"2.39"}}}',
            "CPython 3.12 on manylinux_2_39_aarch64",
        ),
        ('pip/26.0 {"python":"3.13.0"}', "CPython 3.13"),
        ("poetry/2.5", "None"),
        ("", "None"),
        ('{"python":"2.7.18"}', "None"),
    ],
)
def test_where_a_client_is_stands_in_its_user_agent(user_agent: str, said: str) -> None:
    assert str(environment_of(user_agent)) == said
