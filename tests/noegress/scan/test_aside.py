"""What lies among tests, examples or documentation counts as soon as something loads it."""

import pytest
from scan_lab import scan

from noegress.artifact.member import Member
from noegress.finding import Category
from noegress.scan.engine import analyse

HOST = "intake.vendor.dev"
CALL = f'import urllib.request\nurllib.request.urlopen("https://{HOST}/v1")\nX = 1\n'
ENTRY = "acme-1.dist-info/entry_points.txt"


def hosts(files: dict[str, str]) -> set[str]:
    return {finding.host for finding in scan(files).findings}


def beside(init: str, path: str = "acme/tests/plug.py", **others: str) -> dict[str, str]:
    """A package, a folder of tests with a call in it, and other files."""
    return {"acme/__init__.py": init, "acme/tests/__init__.py": "", path: CALL, **others}


LOADED = {
    "an import": beside("from .tests import plug\n"),
    "an import inside of a function": beside("def begin():\n    from acme.tests.plug import X\n"),
    "import_module": beside("import importlib\nimportlib.import_module('acme.tests.plug')\n"),
    "import_module of a relative name": beside("import importlib\nimportlib.import_module('.tests.plug', __name__)\n"),
    "import_module of a sum": beside("import importlib\nimportlib.import_module('acme.te' + 'sts.plug')\n"),
    "run_module": beside("import runpy\nrunpy.run_module('acme.tests.plug')\n"),
    "a console script": beside("", **{ENTRY: "[console_scripts]\nacme = acme.tests.plug:X\n"}),
    "a plugin of pytest": beside("", **{ENTRY: "[pytest11]\nacme = acme.tests.plug\n"}),
    "a start-up file": beside("", **{"acme.pth": "import acme.tests.plug\n"}),
    "a chain of modules that call nothing": beside(
        "from .glue import X\n",
        "acme/testing/examples/b.py",
        **{"acme/glue.py": "from .testing import X\n", "acme/testing/__init__.py": "from .examples.b import X\n"},
    ),
    "the package of the project itself": {"tests/__init__.py": CALL},
    "a module of the project itself": {"test_acme.py": CALL},
}


@pytest.mark.parametrize("files", LOADED.values(), ids=LOADED)
def test_what_is_loaded_counts_wherever_it_lies(files: dict[str, str]) -> None:
    assert HOST in hosts(files)


def test_what_nothing_loads_is_told_nowhere() -> None:
    assert HOST not in hosts(beside("import json\n"))
    assert HOST not in hosts({"acme/__init__.py": "", "tests/__init__.py": CALL})


def test_the_own_package_counts_by_its_name() -> None:
    demo = {"acme/__init__.py": "", "demo/__init__.py": CALL}
    members = [Member(name=path, content=text.encode(), sha256=str(hash(text))) for path, text in demo.items()]
    found = analyse(members, kind="wheel", name="demo").findings
    assert {finding.host for finding in found} == {HOST}


def test_a_source_that_is_too_long_is_undecided_also_where_nothing_imports_it() -> None:
    long = CALL + "x = [\n" + "1,\n" * 4_000_000 + "]\n"
    analysis = scan({"acme/__init__.py": "", "acme/tables.py": long})
    assert any("too long" in why for why in analysis.undecided)
    assert {finding.category for finding in analysis.findings} == {Category.INTEGRITY}


CHECKER = (
    f"import urllib.request\ndef fetch():\n    urllib.request.urlopen('https://{HOST}/v1')\ndef other():\n    pass\n"
)


@pytest.mark.parametrize(
    ("init", "told_on"),
    [
        ("from acme.testing import fetch\n", True),
        ("from acme import testing\ndef begin():\n    testing.fetch()\n", True),
        ("from acme.testing import other\n", False),
    ],
)
def test_a_function_for_tests_is_on_only_where_the_product_takes_it(init: str, *, told_on: bool) -> None:
    found = scan({"acme/__init__.py": init, "acme/testing/__init__.py": CHECKER}).findings
    assert [finding.default_on for finding in found] == [told_on]
