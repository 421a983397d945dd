"""Activation scripts: what venv, virtualenv and uv write into ``bin``, told from what somebody made of it.

Such a script is a template with a few values in it. The values are checked and taken out, and the digest of the rest
must be that of a known template; what the ``venv`` module of the interpreter at home would write counts as well.
"""

import hashlib
import json
import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files

SCRIPTS = re.compile(
    r"activate(\.(bat|csh|fish|nu|ps1|xsh))?|Activate\.ps1|activate_this\.py|(deactivate|pydoc)\.bat|deactivate\.(csh|nu)"
)
"""The names under which they lie in ``bin`` or ``Scripts``."""
_BYTES = 256 << 10
_DIRECTORY = re.compile(
    r"VIRTUAL_ENV\b(?:\s*=\s*|\s+)(?:\$\(cygpath )?(?P<quote>[\"']?)(?P<path>/[^\"'\n]*?)(?P=quote)\)?\s*$",
    re.MULTILINE,
)
_PLAIN_DIRECTORY = re.compile(r"/[^\"'`$\\\n;|&<>]*")
_PLAIN_PROMPT = re.compile(r"[\w .,:@+~/\[\]-]*")
_SITE = re.compile(r"lib(?:64)?/python3\.\d+t?/site-packages")
_EMPTY = "''"


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What is written into the templates of one environment."""

    directory: str
    """Where it lies, or lay when it was made."""
    prompt: str
    base: str
    """The prefix of the interpreter at home."""
    templates: str = ""
    """The folder of the templates of its ``venv`` module; empty where it is not at hand."""


def named_directory(folder: str) -> str:
    """The environment that ``bin/activate`` leads to; empty for a relocatable one."""
    match = _DIRECTORY.search(_text(os.path.join(folder, "activate")) or "")
    return match["path"] if match else ""


def is_known(path: str, values: Values) -> bool:
    """Whether a script is a known template with the values of this environment and nothing else."""
    text = _text(path)
    if text is None:
        return False
    rests = (form_of(text, each) for each in (values, replace(values, prompt="")))
    return any(rest is not None and _digest(rest) in known_forms() for rest in rests) or _is_of_venv(path, text, values)


def _is_of_venv(path: str, text: str, values: Values) -> bool:
    is_plain = _PLAIN_DIRECTORY.fullmatch(values.directory) and _PLAIN_PROMPT.fullmatch(values.prompt)
    return is_plain is not None and text in _written_by_venv(path, values)


def form_of(text: str, values: Values) -> str | None:
    """A script without its values; None where a value could be more than a value."""
    if not _PLAIN_DIRECTORY.fullmatch(values.directory) or not _PLAIN_PROMPT.fullmatch(values.prompt):
        return None
    directory, prompt = re.escape(values.directory), re.escape(values.prompt)
    text = re.sub(rf"([\"']?){directory}\1(?![\w.@+/-])", "@", text)
    if values.prompt:
        text = re.sub(rf"([\"'])(\()?{prompt}(?(2)\) )\1", _EMPTY, text)
        text = re.sub(rf"([\"'])\({prompt}\) ", r"\1() ", text)
        text = re.sub(rf"(?<==){prompt}$", _EMPTY, text, flags=re.MULTILINE)
    text = re.sub(rf"([\"']?)(?:{re.escape(values.base)}|/usr)(?:/[\w.+-]+)*/t(?:cl|k)\d[\d.]*\1", _EMPTY, text)
    return _SITE.sub("lib/python/site-packages", text.replace('""', _EMPTY).replace("\r\n", "\n"))


@lru_cache(maxsize=1)
def known_forms() -> Mapping[str, str]:
    """The digests of the templates that were read, and which tool's they are."""
    return dict(_table()["forms"])


@lru_cache(maxsize=1)
def read_until() -> Mapping[str, str]:
    """The newest version of each tool whose templates were read."""
    return dict(_table()["read"])


@lru_cache(maxsize=1)
def _table() -> dict[str, dict[str, str]]:
    content = files(__package__).joinpath("activation.json").read_text("utf-8")
    table: dict[str, dict[str, str]] = json.loads(content)
    return table


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _written_by_venv(path: str, values: Values) -> Iterator[str]:
    """What the ``venv`` module at home writes; whoever could change that could change the interpreter."""
    for platform in ("common", "posix", "nt") if values.templates else ():
        template = _text(os.path.join(values.templates, platform, os.path.basename(path)))
        if template is not None:
            for prompt in (values.prompt, f"({values.prompt}) "):
                for quote in (str, shlex.quote):
                    yield _rendered(template, values.directory, prompt, quote)


def _rendered(template: str, directory: str, prompt: str, quote: Callable[[str], str]) -> str:
    written = {
        "__VENV_DIR__": directory,
        "__VENV_NAME__": os.path.basename(directory),
        "__VENV_PROMPT__": prompt,
        "__VENV_BIN_NAME__": "bin",
    }
    for placeholder, value in written.items():
        template = template.replace(placeholder, quote(value))
    return template


def _text(path: str) -> str | None:
    try:
        with open(path, "rb") as file:
            content = file.read(_BYTES + 1)
    except OSError:
        return None
    return content.decode("utf-8", "surrogateescape") if len(content) <= _BYTES else None
