"""Tests, documentation, examples and templates: by their names nothing runs them, until something is seen to load them."""

import re

from noegress.scan.facts.facts import Facts

_ROOT = re.compile(r"\A[^/]+\.data/(purelib|platlib|data/[Ll]ib(64)?/(python[^/]*/)?site-packages)/|\Asrc/|\Alib/")
_ASIDE = re.compile(
    r"(\A|/)(tests?|testing|test_?utils?|testing_utils?|test_suite|_tests?|examples?|docs?|doc|benchmarks?|samples?|fixtures|testdata|"
    r"conftest\.py|test_[^/]*\.py|[^/]*_test\.py|cookiecutter\.[^/]*|demos?|tutorials?)(/|\Z)|\{\{|/node_modules/"
)


class Aside:
    """The paths of one distribution that its users do not run, as far as names tell."""

    def __init__(self, files: dict[str, Facts], name: str) -> None:
        self.taken_in: set[str] = set()
        """The paths that something was seen to load."""
        self._known: dict[str, bool] = {}
        self._project = re.sub(r"[-_.]+", "_", name.lower())
        self._tops_count = False
        # where there is no other code, this is what the distribution is for
        self._tops_count = not any(_is_package_code(path) and path not in self for path in files)
        self._known.clear()

    def __contains__(self, path: str) -> bool:
        if path not in self._known:
            self._known[path] = self._is_aside(path)
        return self._known[path]

    def _is_aside(self, path: str) -> bool:
        if path in self.taken_in:
            return False
        short = short_path(path)
        top, _, rest = short.partition("/")
        own = top.removesuffix(".py").lower() == self._project
        return bool(_ASIDE.search(rest if own or self._tops_count else path))

    def take_in(self, path: str) -> None:
        """Something that is not aside loads it."""
        self.taken_in.add(path)
        self._known[path] = False

    @staticmethod
    def word(path: str) -> str:
        """The first name in a path that puts it aside: who loads what lies there has to say it."""
        match = _ASIDE.search(path)
        return (match[2] or "").removesuffix(".py") if match else ""


def short_path(path: str) -> str:
    """The path from where its module is imported."""
    return _ROOT.sub("", path)


def _is_package_code(path: str) -> bool:
    return path.endswith((".so", ".pyd")) or (path.endswith((".py", ".pyw")) and "/" in short_path(path))
