"""A PEP 517 backend that wraps another one and checks the build first; no switch of the wrapped one skips it.

Behind the gate the process and its children have no network, in every hook: setup.py runs in most of them.
pyproject.toml names this module as ``build-backend``, requires ``hatch-noegress`` and the wrapped backend, and says
``[tool.noegress-backend] wraps = "setuptools.build_meta"``.
"""

import functools
import sys
import tomllib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from hatch_noegress.build_gate import check_build, cut_network
from hatch_noegress.refused import refused

from noegress_backend.sdist import add_policy

_HOOKS = frozenset(
    f"{prefix}{kind}"
    for kind in ("wheel", "sdist", "editable")
    for prefix in ("build_", "get_requires_for_build_", "prepare_metadata_for_build_")
)


def __getattr__(name: str) -> Callable[..., Any]:
    """A hook of the wrapped backend, behind the gate; exactly those that it has (PEP 517: hooks are optional)."""
    if name not in _HOOKS:
        raise AttributeError(name)
    hook = getattr(_wrapped(), name)

    @functools.wraps(hook)
    def gated(*args: Any, **kwargs: Any) -> Any:
        policy = check_build(Path.cwd())
        if reason := cut_network():
            sys.stderr.write(f"{reason}\n")
        made = hook(*args, **kwargs)
        if name == "build_sdist" and policy is not None:
            add_policy(Path(kwargs.get("sdist_directory") or args[0]) / made, policy)
        return made

    return gated


def _wrapped() -> Any:
    """The wrapped backend; a front end runs hooks with the project as working directory (PEP 517)."""
    try:
        document = tomllib.loads(Path("pyproject.toml").read_text("utf-8-sig"))
        path = document["tool"]["noegress-backend"]["wraps"]
        module, _, inside = path.partition(":")
        backend: Any = import_module(module)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _refused(f"pyproject.toml cannot be read: {error}", "mend it") from error
    except (KeyError, TypeError, AttributeError) as error:
        fix = 'add [tool.noegress-backend] wraps = "setuptools.build_meta", or whatever builds the project'
        raise _refused("pyproject.toml does not say which backend to wrap", fix) from error
    except ImportError as error:
        fix = "add the project that holds it to [build-system] requires"
        raise _refused(f"the wrapped backend {path} cannot be imported: {error}", fix) from error
    for name in inside.split(".") if inside else ():
        backend = getattr(backend, name)
    return backend


def _refused(problem: str, fix: str) -> SystemExit:
    return refused(f"\nnoegress: build refused: {problem}\n    fix: {fix}\n")
