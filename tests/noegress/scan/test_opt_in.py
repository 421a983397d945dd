"""What takes an argument or a field that its user sets is not on by default."""

import pytest
import scan_lab

USAGE = """
import requests
def send_usage(event):
    requests.post("https://telemetry.vendor.dev/v1/events", json=event)
"""


def telemetry_is_on(tool: str) -> bool:
    files = {"acme/__init__.py": "from acme import tool\n", "acme/tool.py": USAGE + tool}
    found = [finding for finding in scan_lab.scan(files).findings if finding.category == "telemetry"]
    assert found
    return any(finding.default_on for finding in found)


@pytest.mark.parametrize(
    ("params", "condition", "on"),
    [
        ("report=False", "report", False),
        ("report=True", "report", True),
        ("report=None", "report", False),
        ("report=None", "report is None", True),
        ("report=None", "report is not None", False),
        ("report=False, quiet=False", "report and not quiet", False),
        ("report=True, quiet=False", "report and not quiet", True),
        ("report=False, quiet=False", "report or not quiet", True),
        ("quiet=False", "not quiet", True),
        ("report", "report", True),
    ],
)
def test_a_condition_on_a_parameter_counts_with_its_default(params: str, condition: str, *, on: bool) -> None:
    assert telemetry_is_on(f"def run(what, {params}):\n    if {condition}:\n        send_usage(what)\n") is on


@pytest.mark.parametrize(
    ("call", "on"),
    [
        ("run(1)", False),
        ("run(1, report=True)", True),
        ("run(1, True)", True),
        ("run(1, report=args.report)", False),
        ("run(1, report=decided())", True),
        ("run(1, **given)", True),
    ],
)
def test_a_caller_that_gives_the_argument_turns_it_on(call: str, *, on: bool) -> None:
    tool = (
        f"def run(what, report=False):\n    if report:\n        send_usage(what)\ndef begin(args, given):\n    {call}\n"
    )
    assert telemetry_is_on(tool) is on


@pytest.mark.parametrize(("default", "on"), [("False", False), ("True", True)])
def test_a_field_that_holds_the_argument_counts_as_it_does(default: str, *, on: bool) -> None:
    tool = f"""
class Runner:
    def __init__(self, report={default}):
        self.report = report
    def run(self, what):
        if not self.report:
            return
        self.finish(what)
    def finish(self, what):
        send_usage(what)
"""
    assert telemetry_is_on(tool) is on


def test_one_way_that_nobody_has_to_ask_for_is_enough() -> None:
    asked = "def run(what, report=False):\n    if report:\n        send_usage(what)\n"
    assert not telemetry_is_on(asked)
    assert telemetry_is_on(f"{asked}def begin():\n    send_usage('begin')\n")


@pytest.mark.parametrize(
    ("condition", "on"),
    [
        ("os.getenv('ACME_REPORT') == '1'", False),
        ("os.getenv('ACME_REPORT')", False),
        ("os.environ.get('ACME_REPORT', 'false').lower() in ('1', 'true')", False),
        ("os.environ.get('ACME_REPORT', 'true').lower() in ('1', 'true')", True),
        ("bool(os.environ.get('ACME_REPORT', 0))", False),
        ("os.environ.get('ACME_REPORT', '1') == '1'", True),
        ("os.environ.get('ACME_REPORT', 'all') == 'errors'", False),
        ("not os.getenv('ACME_NO_REPORT')", True),
        ("os.getenv('ACME_API_KEY')", True),
        ("os.getenv('CI')", True),
        ("wants_report()", False),
        ("REPORT", False),
        ("flags.REPORT", False),
    ],
)
def test_a_condition_on_a_variable_counts_with_its_default(condition: str, *, on: bool) -> None:
    flag = "import os\nREPORT = os.getenv('ACME_REPORT') == '1'\n"
    tool = f"""
import os
from acme import flags
from acme.flags import REPORT
def wants_report():
    return os.getenv("ACME_REPORT") == "1"
def run(what):
    if {condition}:
        send_usage(what)
"""
    files = {"acme/__init__.py": "from acme import tool\n", "acme/tool.py": USAGE + tool, "acme/flags.py": flag}
    found = [finding for finding in scan_lab.scan(files).findings if finding.category == "telemetry"]
    assert [finding.default_on for finding in found] == [on]


@pytest.mark.parametrize(("default", "told"), [("None", True), ("False", False)])
def test_what_waits_for_a_name_is_no_option(default: str, *, told: bool) -> None:
    tool = f"""
from urllib.request import urlretrieve
class Net:
    def __init__(self, pretrained={default}):
        if pretrained:
            urlretrieve("https://files.vendor.dev/models/base.onnx", pretrained)
"""
    found = scan_lab.scan({"acme/__init__.py": tool}).findings
    assert [finding.default_on for finding in found if finding.category == "model-download"] == [told]


@pytest.mark.parametrize(
    ("names", "call", "on"),
    [
        (("a", "b", "c", "usage"), "run(kind, what)", False),
        (("a", "b", "c", "usage"), "run('usage', what)", True),
        (("a", "usage"), "run(kind, what)", True),
    ],
)
def test_one_of_many_names_that_a_function_goes_by_is_its_users(names: tuple[str, ...], call: str, *, on: bool) -> None:
    tests = "".join(
        f"    if kind == '{name}':\n        {'send_usage' if name == 'usage' else 'print'}(what)\n" for name in names
    )
    assert telemetry_is_on(f"def run(kind, what):\n{tests}def begin(kind, what):\n    {call}\n") is on


@pytest.mark.parametrize(
    ("made", "on"),
    [
        ("app.command('models')(load)", False),
        ("parser.set_defaults(func=load)", False),
        ("parser.set_defaults(folder=load)", True),
        ("print(load)", True),
    ],
)
@pytest.mark.parametrize("using", ["", "import requests\n"])
def test_a_function_that_a_call_makes_a_command_is_asked_for(using: str, made: str, *, on: bool) -> None:
    tool = "from urllib.request import urlretrieve\n"
    tool += "def load():\n    urlretrieve('https://files.vendor.dev/models/base.onnx', 'a')\n"
    cli = f"{using}import argparse, typer\nfrom acme.tool import load\napp = typer.Typer()\n"
    cli += f"parser = argparse.ArgumentParser()\n{made}\n"
    files = {"acme/__init__.py": "import acme.cli\n", "acme/cli.py": cli, "acme/tool.py": tool}
    found = scan_lab.scan(files).findings
    assert [finding.default_on for finding in found if finding.category == "model-download"] == [on]
