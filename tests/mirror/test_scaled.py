"""The how-to's nginx before two replicas, whose primary goes down again and again: nothing refused is ever served."""

import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

import pytest
from certificates import Certified, make_certificate
from mirror_lab import Index, Published, Served, make_mirror, start, started
from nginx_lab import IS_HERE, free_port, get_over_tls, nginx

HOW_TO = Path(__file__).parents[2] / "docs/how-to/mirror-scale.md"
ROUNDS, CLIENTS, FOLLOWS_SECONDS = 4, 6, 120
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not IS_HERE, reason="there is no nginx on this machine")]


@dataclass
class Site:
    """A primary, two replicas, and the nginx that clients reach."""

    folder: Path
    own: int
    """The primary's port, the same in each of its lives."""
    port: int
    certified: Certified
    replicas: list[Served] = field(default_factory=list)

    def begin(self) -> Served:
        return start(self.folder, "--port", str(self.own))

    def answers_of_replicas(self, path: str, status: int) -> None:
        """Wait until both answer so."""
        for each in self.replicas:
            end = time.monotonic() + FOLLOWS_SECONDS
            while (got := each.get(path)).status != status:
                assert time.monotonic() < end, f"{path}: {got.status} {got.reason}"
                time.sleep(0.2)

    def configuration(self) -> str:
        """The how-to's text, with this machine's addresses."""
        text: str
        (text,) = re.findall(r"(?m)^    upstream replicas \{\n(?:    .*\n|\n)+", HOW_TO.read_text("utf-8"))
        for number, each in enumerate(self.replicas, start=2):
            text = text.replace(f"mirror-{number}.internal:3142", each.url.removeprefix("http://"))
        text = text.replace("mirror-1.internal:3141", f"127.0.0.1:{self.own}")
        text = text.replace("listen 443 ssl", f"listen 127.0.0.1:{self.port} ssl")
        text = text.replace("/etc/ssl/mirror.pem", str(self.certified.certificate))
        return text.replace("/etc/ssl/mirror.key", str(self.certified.key))


class Clients:
    """Threads that ask for everything through nginx, all the time."""

    def __init__(self, site: Site, served: dict[str, bytes], never: list[str]) -> None:
        self._site, self._served, self._never = site, served, never
        self.answers: Counter[int] = Counter()
        self.wrong: list[str] = []
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(60)
        assert not self.wrong, self.wrong[:5]
        assert self.answers[200], "nothing was served meanwhile"
        assert self.answers[403], "nothing was refused meanwhile"

    def _run(self, seed: int) -> None:
        chance = random.Random(seed)
        while not self._ended.is_set():
            path = chance.choice([*self._served, *self._never])
            try:
                got = get_over_tls(self._site.port, self._site.certified, path)
            except (OSError, HTTPException) as error:
                self.wrong.append(f"{path}: {error!r}")
                continue
            self.answers[got.status] += 1
            if path in self._never and (got.status == 200 or b"PK" in got.body or b"Metadata-Version" in got.body):
                self.wrong.append(f"{path} was served: {got.status}")
            if path in self._served and got.body != self._served[path]:
                self.wrong.append(f"{path}: {got.status} {got.reason}")


def paths_of(primary: Served, published: Published) -> list[str]:
    path = primary.file_path(published.content, published.filename)
    return [path, f"{path}.metadata", f"{path}?x=1"]


@contextmanager
def scaled(tmp_path: Path, index: Index) -> Iterator[tuple[Site, Callable[[], Served]]]:
    """The site, and what starts its primary."""
    (tmp_path / "nginx").mkdir()
    folder = make_mirror(tmp_path / "primary", index.url, "")
    site = Site(folder, free_port(), free_port(), make_certificate(tmp_path / "tls"))
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_bytes((folder / "devpi" / "secret").read_bytes())
    with ExitStack() as stack:

        def begin() -> Served:
            primary = site.begin()
            stack.callback(primary.process.stdout.close)  # type: ignore[union-attr]
            stack.callback(primary.kill)
            return primary

        for number in (1, 2):
            place = tmp_path / f"replica{number}"
            command: list[str | Path] = ["replica", place, "--primary", f"http://127.0.0.1:{site.own}"]
            served = started(place, [*command, "--secret", secret, "--port", "0", "--readers", "everybody"])
            stack.callback(served.process.stdout.close)  # type: ignore[union-attr]
            stack.callback(served.kill)
            site.replicas.append(served)
        stack.enter_context(nginx(tmp_path / "nginx", site.configuration(), site.port))
        yield site, begin


def test_nothing_refused_is_served_while_the_primary_goes_down_again_and_again(index: Index, tmp_path: Path) -> None:
    good, bad = index.publish("good", "1.0"), index.publish("bad", "1.0", record_of="a lie")
    later = [index.publish("later", f"1.{number}") for number in range(ROUNDS)]
    with scaled(tmp_path, index) as (site, begin):
        primary = begin()
        assert [primary.command("admit", name).returncode for name in ("good", "bad")] == [0, 1]
        path = paths_of(primary, good)[0]
        site.answers_of_replicas(path, 200)
        never = paths_of(primary, bad)
        for number, published in enumerate(later):
            clients = Clients(site, {path: good.content}, list(never))
            primary.kill()
            assert get_over_tls(site.port, site.certified, "/+noegress/health").status in (502, 504)
            if number == ROUNDS - 1:
                site.replicas[0].kill()
            time.sleep(1.5)
            primary = begin()
            clients.end()
            if number == ROUNDS - 1:
                break
            assert primary.command("admit", f"later==1.{number}").returncode == 0
            gone = paths_of(primary, published)
            site.answers_of_replicas(gone[0], 200)
            assert primary.command("revoke", f"later==1.{number}", "--reason", "soak").returncode == 0
            site.answers_of_replicas(gone[0], 403)
            never += gone
