"""Command-line options as pip and uv read them, so that ``--extra-index`` and ``-ihttps://…`` are not missed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

ARGUMENT = "argument"
"""The name under which ``read_options`` gives what is no option: a requirement, a path, a subcommand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """The options of one program, long names without their dashes."""

    valued: frozenset[str]
    flags: frozenset[str]
    short: dict[str, str]
    """Letter → long name."""
    abbreviates: bool
    """Whether an unambiguous beginning of a long name means the option (``optparse`` does, clap does not)."""

    def long(self, written: str) -> str:
        """The option that a long name means; empty where it means none, or more than one."""
        known = self.valued | self.flags
        if written in known or not self.abbreviates:
            return written if written in known else ""
        meant = [name for name in known if name.startswith(written)]
        return meant[0] if len(meant) == 1 else ""


def read_options(arguments: Sequence[str], grammar: Grammar) -> Iterator[tuple[str, str]]:
    """The options and their values in order; a flag's value is empty, a word that means nothing is left out."""
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--":
            yield from ((ARGUMENT, argument) for argument in rest)
            return
        if word.startswith("--"):
            written, has_value, value = word[2:].partition("=")
            name = grammar.long(written)
            if name in grammar.valued:
                yield name, value if has_value or not rest else rest.pop(0)
            elif name:
                yield name, ""
        elif word.startswith("-") and len(word) > 1:
            yield from _short(word[1:], rest, grammar)
        else:
            yield ARGUMENT, word


def _short(letters: str, rest: list[str], grammar: Grammar) -> Iterator[tuple[str, str]]:
    """Options of one letter, run together as in ``-qUi URL`` or ``-iURL``."""
    for position, letter in enumerate(letters):
        name = grammar.short.get(letter, "")
        if name in grammar.valued:
            value = letters[position + 1 :].removeprefix("=") if not grammar.abbreviates else letters[position + 1 :]
            yield name, value or (rest.pop(0) if rest else "")
            return
        if name:
            yield name, ""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _letters(text: str) -> dict[str, str]:
    return dict(pair.split("=") for pair in text.split())


_PIP_SHORT = _letters(
    "i=index-url f=find-links r=requirement c=constraint e=editable t=target w=wheel-dir d=dest C=config-settings "
    "b=build o=output U=upgrade q=quiet v=verbose I=ignore-installed V=version h=help"
)
PIP = Grammar(
    valued=_words(
        "index-url pypi-url extra-index-url find-links requirement constraint build-constraint editable trusted-host "
        "no-binary only-binary use-feature config-settings global-option uploaded-prior-to target root prefix src "
        "platform python-version implementation abi progress-bar root-user-action python proxy retries timeout "
        "exists-action cert client-cert cache-dir keyring-provider log use-deprecated dest wheel-dir report output "
        "upgrade-strategy group requirements-from-script resume-retries all-releases only-final build"
    ),
    flags=_words(
        "no-index prefer-binary require-hashes pre no-deps upgrade isolated user no-cache-dir quiet verbose dry-run "
        "no-build-isolation use-pep517 no-use-pep517 force-reinstall ignore-installed ignore-requires-python compile "
        "no-compile no-warn-script-location no-warn-conflicts no-input debug disable-pip-version-check no-color "
        "check-build-dependencies no-clean global site break-system-packages require-virtualenv version help"
    ),
    short=_PIP_SHORT,
    abbreviates=True,
)
"""``pip install``, ``wheel``, ``download`` and ``lock`` together."""

REQUIREMENTS_FILE = Grammar(
    valued=_words(
        "index-url pypi-url extra-index-url find-links requirement constraint editable trusted-host no-binary "
        "only-binary use-feature hash config-settings global-option all-releases only-final"
    ),
    flags=_words("no-index prefer-binary require-hashes pre"),
    short={letter: _PIP_SHORT[letter] for letter in "ifrceC"},
    abbreviates=True,
)
"""What pip allows in a requirements or constraints file."""

UV = Grammar(
    valued=_words(
        "mirror pypy-mirror python-downloads-json-url "
        "index default-index index-url extra-index-url find-links torch-backend config-file requirement requirements "
        "constraint constraints override overrides build-constraint build-constraints editable with with-editable "
        "with-requirements from project directory python index-strategy keyring-provider resolution prerelease "
        "fork-strategy config-setting config-settings exclude-newer link-mode refresh-package reinstall-package "
        "upgrade-package no-binary-package no-build-package no-sources-package out-dir package cache-dir color target "
        "prefix python-preference python-platform python-version extra group only-group no-group allow-insecure-host "
        "trusted-host output-file env-file no-binary only-binary script build-backend"
    ),
    flags=_words(
        "no-index no-config isolated offline no-cache quiet verbose upgrade refresh reinstall sdist wheel no-sources "
        "no-build no-build-isolation frozen locked dev no-dev all-extras system native-tls preview"
    ),
    short=_letters(
        "i=index-url f=find-links r=requirements c=constraints e=editable p=python C=config-setting P=upgrade-package "
        "o=output-file b=build-constraints q=quiet v=verbose U=upgrade n=no-cache"
    ),
    abbreviates=False,
)
"""uv's subcommands together; only options with a value must be complete, and those that name a place."""
