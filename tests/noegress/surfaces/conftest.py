"""A project directory and a machine made for one test; nothing of the real one is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from noegress.policy import FoundPolicy, read_policy
from noegress.surfaces import Command, Machine, Report, Violation, gate

MIRROR = "https://mirror.internal/root/curated/+simple/"
EVIL = "https://evil.example/simple/"
SHUT = {"PIP_INDEX_URL": MIRROR, "UV_DEFAULT_INDEX": MIRROR}
"""An environment in which both installers know the mirror and nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    directory: Path
    home: Path
    policy: FoundPolicy

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def configure(self, name: str, text: str) -> Path:
        """Write a file below the user's home, or below the root of the machine if it starts with ``/``."""
        path = self.home.parent / "root" / name[1:] if name.startswith("/") else self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    def machine(self, environ: Mapping[str, str] | None = None, *commands: Command, platform: str = "linux") -> Machine:
        return Machine(
            environ={**SHUT, **(environ or {})},
            home=self.home,
            root=self.home.parent / "root",
            platform=platform,
            commands=commands,
        )

    def report(self, environ: Mapping[str, str] | None = None, *commands: Command, **options: frozenset[str]) -> Report:
        machine = self.machine(environ, *commands)
        return gate(self.directory, self.policy, machine, front_ends=options.get("front_ends"))

    def violations(self, environ: Mapping[str, str] | None = None, *commands: Command) -> tuple[Violation, ...]:
        return self.report(environ, *commands).violations

    def places(self, environ: Mapping[str, str] | None = None, *commands: Command) -> list[str]:
        return [violation.place for violation in self.violations(environ, *commands)]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    policy = tmp_path / "policy/noegress.toml"
    policy.parent.mkdir()
    policy.write_text(f'format = 1\n[index]\nurl = "{MIRROR}"\n', "utf-8")
    for name in ("home", "project", "root"):
        (tmp_path / name).mkdir()
    found = FoundPolicy(policy=read_policy(policy), path=policy)
    return Bench(directory=tmp_path / "project", home=tmp_path / "home", policy=found)
