"""What a build brings in by itself, past every index: addresses that its own code loads, programs that fetch."""

import re
from collections.abc import Iterator, Sequence

from noegress.surfaces.judging.inspection import Inspection, Origin, describe
from noegress.surfaces.judging.violation import Violation
from noegress.surfaces.syntax.shell_words import is_unknown

SURFACE = "build"
_REMOTE = re.compile(r"(git\+)?(https?|ftps?|git|ssh|svn|s3|gs)://|git@|//[^/]", re.IGNORECASE)
_FETCHERS: dict[str, tuple[str, ...]] = {
    "npm": ("ci", "install", "i", "add", "exec"),
    "pnpm": ("install", "i", "add", "dlx"),
    "yarn": ("install", "add", "dlx"),
    "bun": ("install", "add", "x"),
    "npx": (),
    "bower": ("install",),
    "cargo": ("install", "fetch", "add", "binstall"),
    "go": ("install", "get", "mod"),
    "gem": ("install",),
    "bundle": ("install",),
    "composer": ("install", "require"),
    "git": ("clone",),  # submodules are the project's own, pinned by its commit
    "hg": ("clone",),
    "svn": ("checkout", "co", "export"),
    "conan": ("install",),
    "vcpkg": ("install",),
    "wget": (),
    "curl": (),
    "aria2c": (),
}
"""Programs that fetch, with the subcommands that do."""
_IN_FOLDER = frozenset({"-C", "--prefix", "--cwd", "--dir"})  # their values stand before the subcommand
_LOCAL = frozenset({"--offline"})
"""The word with which such a program stays at home."""
_PREFIXES = ("sudo", "env", "corepack", "exec", "time", "cmd", "/c")


def address_violations(inspection: Inspection, url: str, origin: Origin, *, text: str) -> Iterator[Violation]:
    """An address that a build loads from; a path, the mirror and what only the run will know are none."""
    if _REMOTE.match(url.strip()) and not is_unknown(url) and not inspection.mirror.covers(url):
        yield _fetched(inspection, describe(url.strip()), origin, text)


def fetch_violations(inspection: Inspection, words: Sequence[str], origin: Origin) -> Iterator[Violation]:
    """One command of a build: a program that downloads, or that resolves from the registry of another language."""
    rest = list(words)
    while rest and (rest[0] in _PREFIXES or re.fullmatch(r"[A-Za-z_]\w*=.*", rest[0])):
        rest.pop(0)
    if not rest:
        return
    program = re.split(r"[/\\]", rest[0])[-1].lower().removesuffix(".exe").removesuffix(".cmd")
    if program not in _FETCHERS or _LOCAL & set(rest):
        return
    arguments = _arguments(rest[1:])
    is_bare_yarn = program == "yarn" and not arguments
    if not _FETCHERS[program]:
        yield from _loaded(inspection, program, arguments, origin, " ".join(rest))
    elif is_bare_yarn or (arguments and arguments[0] in _FETCHERS[program]):
        text = " ".join(rest)
        if not any(inspection.mirror.covers(argument) for argument in arguments):
            yield _fetched(inspection, f"what `{' '.join([program, *arguments[:1]])}` resolves", origin, text)


def _loaded(
    inspection: Inspection, program: str, arguments: list[str], origin: Origin, text: str
) -> Iterator[Violation]:
    if program == "npx":
        yield _fetched(inspection, "what `npx` resolves", origin, text)
    for argument in arguments:
        yield from address_violations(inspection, argument, origin, text=text)


def _arguments(words: Sequence[str]) -> list[str]:
    """The words that are no options."""
    return [
        word
        for previous, word in zip(["", *words], words, strict=False)
        if not word.startswith("-") and previous not in _IN_FOLDER
    ]


def _fetched(inspection: Inspection, what: str, origin: Origin, text: str) -> Violation:
    return inspection.violation(
        SURFACE,
        origin,
        text=text,
        allows=f"{what} to be fetched while the project is built",
        fix="keep it in the project, or take it from a wheel that the mirror admitted",
    )
