"""Write noegress/evidence/activation.json: the forms of activation scripts, as digests.

python tools/activation_forms.py --environments DIR… --history TOOL=REPOSITORY:FOLDER… --read TOOL=VERSION…

Environments are read as they are: make them with the versions that are to be known. A history gives the templates of
every commit that touched a folder of a git repository. What is known already stays.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

from noegress.evidence.activation import SCRIPTS, Values, form_of, named_directory
from noegress.evidence.interpreter import read_config

TABLE = Path(__file__).parents[1] / "noegress/evidence/activation.json"
_PLACEHOLDERS = {
    "directory": ("__VIRTUAL_ENV__", "{{ VIRTUAL_ENV_DIR }}"),
    "prompt": ("__VIRTUAL_PROMPT__", "{{ VIRTUAL_PROMPT }}", "__TCL_LIBRARY__", "__TK_LIBRARY__"),
    "bin": ("__BIN_NAME__", "{{ BIN_NAME }}"),
    "separator": ("__PATH_SEP__", "{{ PATH_SEP }}"),
    "site": ("__LIB_FOLDERS__", "{{ RELATIVE_SITE_PACKAGES }}"),
    "decode": ("__DECODE_PATH__",),
}
_QUOTES = {
    "activate": "{} {}",
    "csh": "{} {}",
    "fish": "{} {}",
    "nu": "{} '{}' r#'{}'#",
    "py": "{} '{}'",
    "xsh": "{} '{}'",
    "ps1": "{} '{}'",
}
"""How the values of a template were quoted, by the end of its name; a plain path is bare in the first three."""
_RELOCATABLE = (
    '\'"$(dirname -- "$(dirname -- "$(realpath -- "$SCRIPT_PATH")")")"\'',
    "'(dirname -- (dirname -- (realpath -- (status -f))))'",
    "(path self | path dirname | path dirname)",
    "%~dp0..",
)


def of_environments(folders: list[Path]) -> Iterator[tuple[str, str]]:
    """The forms in environments that the tools of this machine made."""
    for folder in folders:
        config = read_config(folder / "pyvenv.cfg")
        tool = next((name for name in ("uv", "virtualenv") if name in config.values), "venv")
        named = named_directory(str(folder / "bin"))
        values = Values(
            directory=named or str(folder),
            prompt=config.prompt or Path(named or folder).name,
            base=str(Path(config.home).parent),
        )
        for path in sorted((folder / "bin").iterdir()):
            if SCRIPTS.fullmatch(path.name):
                form = form_of(path.read_text("utf-8"), values)
                if form is not None:
                    yield form, f"{tool} {path.name}"


def of_history(tool: str, repository: Path, folder: str) -> Iterator[tuple[str, str]]:
    """The forms of every template that a folder of a repository ever held."""

    def git(*args: str) -> str:
        command = ["git", "-C", str(repository), *args]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    blobs = {}
    for commit in git("log", "--format=%H", "--", folder).split():
        for row in git("ls-tree", "-r", commit, "--", folder).splitlines():
            meta, _, path = row.partition("\t")
            if re.search(r"activate|deactivate|pydoc", Path(path).name) and not path.endswith("__init__.py"):
                blobs[meta.split()[2]] = Path(path).name
    for blob, name in blobs.items():
        kind = name.removesuffix(".sh").rpartition(".")[2]
        for form in renderings(git("cat-file", "-p", blob), kind, is_uv=tool == "uv"):
            yield form, f"{tool} {name.removesuffix('.sh')}"


def renderings(template: str, kind: str, *, is_uv: bool) -> Iterator[str]:
    """A template with every way of writing its values."""
    values = Values(directory="/env/dir", prompt="", base="/base")
    quotes = ("{}",) if is_uv else tuple(_QUOTES.get(kind, "{}").split())
    directories = ("/env/dir", *_RELOCATABLE) if is_uv else ("/env/dir",)
    prompts = ("", 'b"".decode("utf-8")') if is_uv else ("", "''")
    for quote, directory, prompt in product(quotes, directories, prompts):
        written = {
            "directory": quote.format(directory),
            "prompt": prompt or quote.format(""),
            "bin": quote.format("bin"),
            "separator": quote.format(":"),
            "site": quote.format("../lib/python3.11/site-packages"),
            "decode": quote.format(""),
        }
        text = template
        for value, placeholders in _PLACEHOLDERS.items():
            for placeholder in placeholders:
                text = text.replace(placeholder, written[value])
        form = form_of(text, values)
        if form is not None:
            yield form


def main() -> int:
    """Add what was read to the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environments", nargs="*", type=Path, default=[])
    parser.add_argument("--history", nargs="*", default=[])
    parser.add_argument("--read", nargs="*", default=[])
    args = parser.parse_args()
    table: dict[str, Any] = (
        json.loads(TABLE.read_text("utf-8")) if TABLE.is_file() else {"format": 1, "read": {}, "forms": {}}
    )
    found = [*of_environments(args.environments)]
    for history in args.history:
        tool, _, place = history.partition("=")
        repository, _, folder = place.rpartition(":")
        found += of_history(tool, Path(repository), folder)
    for form, name in found:
        table["forms"].setdefault(hashlib.sha256(form.encode()).hexdigest(), name)
    table["read"].update(dict(item.split("=") for item in args.read))
    table["forms"] = dict(sorted(table["forms"].items(), key=lambda item: (item[1], item[0])))
    TABLE.write_text(json.dumps(table, indent=1) + "\n", "utf-8")
    print(f"{len(table['forms'])} forms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
