"""Every rule against its page and against the trees beside it, packed into true wheels."""

from collections.abc import Callable
from pathlib import Path

import pytest

from noegress.finding import Confidence, Finding
from noegress.rules import load_rules
from noegress.scan import scan_file
from noegress.scan.rule import Rule
from noegress.scan.rule_page import HEADINGS, rule_page

Make = Callable[..., Path]
HERE = Path(__file__).parent
RULES = {rule.id: rule for rule in load_rules()}
TOLD_IN_PROSE = {"native-downloader"}  # its example is an executable, which a test of its own builds
WITH_EXAMPLES = sorted(set(RULES) - TOLD_IN_PROSE)


def on_by_default(path: Path, rule: str) -> list[Finding]:
    return [finding for finding in scan_file(path).findings if finding.rule == rule and finding.default_on]


def package_of(files: dict[str, str]) -> dict[str, bytes]:
    """The files of an example inside a package that imports each of its modules."""
    imports = "".join(f"from acme import {name.removesuffix('.py')}\n" for name in files if name.endswith(".py"))
    placed = {name if name.endswith(".pth") else f"acme/{name}": text.encode() for name, text in files.items()}
    return {"acme/__init__.py": imports.encode(), **placed}


def tree_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.*"))}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_has_a_page_with_all_headings(rule: Rule) -> None:
    page = rule_page(rule)
    assert tuple(page.sections) == HEADINGS
    assert all(page.sections.values())
    assert page.summary.endswith(".")


@pytest.mark.parametrize("rule", WITH_EXAMPLES)
def test_what_the_page_calls_flagged_is_flagged(rule: str, make_wheel: Make) -> None:
    found = on_by_default(make_wheel(package_of(rule_page(RULES[rule]).example("Flagged"))), rule)
    assert found
    assert found[0].confidence.at_least(Confidence.MEDIUM)


@pytest.mark.parametrize("rule", WITH_EXAMPLES)
def test_what_the_page_calls_allowed_is_clean(rule: str, make_wheel: Make) -> None:
    assert on_by_default(make_wheel(package_of(rule_page(RULES[rule]).example("Allowed"))), rule) == []


@pytest.mark.parametrize("folder", sorted(HERE.glob("*/bad")), ids=lambda folder: folder.parent.name)
def test_a_bad_tree_is_flagged(folder: Path, make_wheel: Make) -> None:
    assert on_by_default(make_wheel(tree_of(folder)), folder.parent.name)


@pytest.mark.parametrize("folder", sorted(HERE.glob("*/good")), ids=lambda folder: folder.parent.name)
def test_a_good_tree_has_no_hard_finding(folder: Path, make_wheel: Make) -> None:
    assert [finding for finding in scan_file(make_wheel(tree_of(folder))).findings if finding.default_on] == []


def test_an_address_is_put_together_across_modules_and_wrappers(make_wheel: Make) -> None:
    (finding,) = on_by_default(make_wheel(tree_of(HERE / "telemetry-endpoint/bad")), "telemetry-endpoint")
    assert finding.host == "usage-stats.vendor.dev"
    assert finding.constant is not None
    assert finding.constant.file == "acme/settings.py"
    assert [switch.name for switch in finding.kill_switches] == ["ACME_NO_TELEMETRY"]


def test_an_executable_that_downloads_programs_is_flagged(make_wheel: Make) -> None:
    strings = b"\0".join(
        [b"HTTP/1.1", b"Downloading ", b"https://vendor.dev/releases/download/v1/tool.gz", b"ACME_OFFLINE"]
    )
    found = on_by_default(make_wheel({"acme/bin/tool": b"\x7fELF" + bytes(64) + strings}), "native-downloader")
    assert [finding.host for finding in found] == ["vendor.dev"]
    assert found[0].kill_switch == "ACME_OFFLINE=1"


def test_a_library_that_names_its_home_page_is_clean(make_wheel: Make) -> None:
    library = b"\x7fELF" + bytes(64) + b"https://vendor.dev/releases\0HTTP/1.1\0Downloading "
    assert on_by_default(make_wheel({"acme/tool.so": library}), "native-downloader") == []
