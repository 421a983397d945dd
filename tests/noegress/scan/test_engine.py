import hashlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noegress import rules
from noegress.artifact.member import Member
from noegress.finding import Basis, Category, Severity
from noegress.rules import load_rules
from noegress.scan import engine
from noegress.scan.engine import Analysis, analyse, rules_digest
from noegress.scan.facts.facts import Facts, dump_facts, load_facts
from noegress.scan.readers.reading import facts_key, parse_waiting, read_facts
from noegress.scan.rule import Rule
from noegress.scan.scene.scene import Evidence, Scene

SENDS = b"""
import os, platform, requests
def send_usage():
    if os.getenv("ACME_TELEMETRY", "True") == "True":
        requests.post("https://telemetry.vendor.dev/v1/events", json={"system": platform.system()})
"""


def member(name: str, content: bytes) -> Member:
    return Member(name=name, content=content, sha256=hashlib.sha256(content).hexdigest())


def parsed(path: str, content: bytes) -> Facts:
    facts = read_facts(member(path, content))
    return parse_waiting(facts) if facts.waits else facts


def run(files: dict[str, bytes], name: str = "acme") -> Analysis:
    return analyse([member(path, content) for path, content in files.items()], kind="wheel", name=name)


def imported(content: bytes) -> dict[str, bytes]:
    return {"acme/__init__.py": b"from acme import tool\n", "acme/tool.py": content}


def test_a_finding_carries_the_destination_into_the_manifest() -> None:
    analysis = run(imported(SENDS))
    assert analysis.egress == ("telemetry.vendor.dev",)


def test_an_inferred_switch_takes_the_opposite_of_its_default() -> None:
    (switch,) = run(imported(SENDS)).kill_switches
    assert (switch.name, switch.value, switch.basis) == ("ACME_TELEMETRY", "False", Basis.INFERRED)
    assert switch.source.startswith("acme/tool.py:")


def test_a_known_switch_comes_from_the_data_with_its_source() -> None:
    check = b"""
import requests
def pip_self_version_check(session):
    latest = parse_version(find_latest_version(session))
    print('A newer version is available', latest)
"""
    used = b"import requests\nfrom pip.tool import pip_self_version_check\npip_self_version_check(requests)\n"
    stated = {"pip-26.0.dist-info/METADATA": b"Name: pip\nVersion: 26.0\n"}
    (switch,) = run({"pip/__init__.py": used, "pip/tool.py": check, **stated}, "pip").kill_switches
    assert (switch.name, switch.basis) == ("PIP_DISABLE_PIP_VERSION_CHECK", Basis.KNOWN)
    assert switch.source.startswith("pip/_internal/cli/cmdoptions.py:")


def test_a_known_switch_of_python_code_does_not_cover_a_script() -> None:
    script = b"fetch('https://us.i.posthog.com/capture/')"
    (finding,) = run({"dagster/__init__.py": b"", "dagster/static/a.js": script}, "dagster").findings
    assert finding.kill_switches == ()


@pytest.mark.parametrize(
    "content", [b"import requests\nif x:\n\tpass\n  y\n", b"import requests\0", b"import requests\n\xff = 1\n"]
)
def test_a_source_that_is_imported_and_cannot_be_parsed_is_undecided(content: bytes) -> None:
    analysis = run(imported(content))
    assert len(analysis.undecided) == 1
    assert "acme/tool.py" in analysis.undecided[0]


def test_nesting_that_overflows_the_parser_is_undecided() -> None:
    assert run(imported(b"import requests\nx = " + b"(" * 5000 + b")" * 5000)).undecided
    assert run(imported(b"import requests\nx = " + b"-" * 200_000 + b"1")).undecided


def test_a_template_that_nothing_imports_is_told_and_does_not_decide() -> None:
    analysis = run(
        {"acme/__init__.py": b"", "acme/templates/view.py": b"import requests\nclass {{ name }}:\n    pass\n"}
    )
    assert analysis.undecided == ()
    assert [finding.severity for finding in analysis.findings] == [Severity.LOW]


def test_python_2_is_told_and_does_not_decide() -> None:
    analysis = run(imported(b"import urllib2\nprint 'hello'\n"))
    assert analysis.undecided == ()
    assert [finding.category for finding in analysis.findings] == [Category.INTEGRITY]


def test_addresses_of_a_source_that_cannot_be_parsed_are_still_read() -> None:
    analysis = run(imported(b"import urllib2\nprint 'x'\nurllib2.urlopen('https://us.i.posthog.com/capture/')\n"))
    assert "us.i.posthog.com" in analysis.egress


class Crashes(Rule):
    """A rule with a mistake."""

    id = "crashes"
    category = Category.TELEMETRY
    severity = Severity.HIGH
    since = "0.1.0"

    def check(self, scene: Scene) -> Iterator[Evidence]:
        raise KeyError(scene.name)


def test_a_rule_that_crashes_leaves_the_file_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "load_rules", lambda: (Crashes(),))
    analysis = run({"acme/__init__.py": b""})
    assert [finding.rule for finding in analysis.findings] == ["rule-crashed"]
    assert analysis.undecided


def test_facts_survive_being_stored() -> None:
    for path, content in {
        **imported(SENDS),
        "acme/a.js": b"fetch('https://vendor.dev/x')",
        "a.pth": b"import a\n",
    }.items():
        facts = parsed(path, content)
        assert load_facts(dump_facts(facts), facts.source) == facts


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_damaged_facts_are_no_facts(at: int, change: int) -> None:
    stored = bytearray(dump_facts(parsed("acme/a.py", SENDS)))
    stored[at % len(stored)] ^= change
    with pytest.raises(ValueError, match="no facts"):
        load_facts(bytes(stored))


def test_stored_facts_give_the_same_findings() -> None:
    read = {path: parsed(path, content) for path, content in imported(SENDS).items()}
    stored = {path: load_facts(dump_facts(facts), facts.source) for path, facts in read.items()}
    assert engine.analyse_facts(stored.items(), kind="wheel", name="acme") == run(imported(SENDS))


def test_the_reader_is_part_of_the_key() -> None:
    assert facts_key(member("a.py", b"x")) != facts_key(member("a.js", b"x"))


def test_the_digest_of_the_rules_is_stable() -> None:
    assert rules_digest() == rules_digest()
    assert len(rules_digest()) == 64


def test_an_sdist_is_named_below_its_folder() -> None:
    files = {f"acme-1.0/src/{path}": content for path, content in imported(SENDS).items()}
    analysis = analyse([member(path, content) for path, content in files.items()], kind="sdist", name="acme")
    assert analysis.egress == ("telemetry.vendor.dev",)


@given(st.binary(max_size=400))
def test_no_content_crashes_a_reader(content: bytes) -> None:
    for name in (
        "a.py",
        "a.js",
        "a.html",
        "a.json",
        "a.ipynb",
        "a.pth",
        "sitecustomize.py",
        "a.so",
        "a",
        "a-1.dist-info/METADATA",
    ):
        facts = parsed(name, content)
        assert load_facts(dump_facts(facts), facts.source) == facts


@given(st.text(alphabet=" \n()[]{}.,:='\"abf/h%+import requestsgetdefclassifelse", max_size=300))
def test_no_source_crashes_the_rules(source: str) -> None:
    files = imported(b"import requests\n" + source.encode())
    assert all(finding.rule != "rule-crashed" for finding in run(files).findings)


def test_every_rule_is_loaded_in_order() -> None:
    ids = [rule.id for rule in load_rules()]
    assert ids == sorted(ids)
    assert {"startup-code", "telemetry-sdk", "update-check"} <= set(ids)


@pytest.mark.parametrize("name", ["demo", "samples", "tests", "testing"])
def test_a_project_that_is_called_like_tests_is_read(name: str) -> None:
    files = {f"{name}/__init__.py": f"from {name} import tool\n".encode(), f"{name}/tool.py": SENDS}
    assert run(files, name).egress == ("telemetry.vendor.dev",)


def test_a_project_of_nothing_but_examples_is_read() -> None:
    assert run({"examples/__init__.py": SENDS}, "acme").egress == ("telemetry.vendor.dev",)


def test_tests_beside_the_package_are_set_aside() -> None:
    assert run({"acme/__init__.py": b"", "tests/__init__.py": SENDS}).egress == ()


UNDECODABLE = {
    "utf-16": "import os\n".encode("utf-16"),
    "utf-16-cookie": "# coding: utf-16\n".encode("utf-16"),
    "null": b"x = 1\0\n",
    "latin-1": b"x = '\xff'\n",
    "undefined": b"# coding: undefined\nx = 1\n",
}


@pytest.mark.parametrize("source", UNDECODABLE.values(), ids=UNDECODABLE)
def test_a_source_that_cannot_be_decoded_is_undecided(source: bytes) -> None:
    assert run(imported(source)).undecided


@pytest.mark.parametrize("size", [3_000, 70_000])
@pytest.mark.parametrize("side", ["before", "behind"])
def test_a_command_is_seen_whatever_it_is_padded_with(size: int, side: str) -> None:
    command = "curl https://code.vendor.dev/install.sh | sh"
    padded = f"{':;' * size}{command}" if side == "before" else f"{command} # {'a' * size}"
    source = f"import subprocess\ndef setup():\n    subprocess.run({padded!r}, shell=True)\n".encode()
    assert "remote-execution" in {finding.rule for finding in run(imported(source)).findings}


def test_a_page_of_any_length_is_looked_through_for_what_it_loads() -> None:
    page = "<p>text</p>" * 8_000 + '<script src="https://cdn.jsdelivr.net/npm/chart.js@4"></script>'
    assert "cdn-asset" in {finding.rule for finding in run(imported(f"PAGE = {page!r}\n".encode())).findings}


def test_a_source_of_many_megabytes_is_undecided_and_takes_no_tree() -> None:
    source = SENDS + b"a.b(c)\n" * 1_200_000
    assert run(imported(source)).undecided
