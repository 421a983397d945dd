import tomllib
from datetime import date
from pathlib import Path

import jsonschema
import pytest

from noegress.errors import PolicyError
from noegress.policy import Action, parse_policy, policy_schema, read_policy

WHOLE = """format = 1

[index]
url = "https://mirror.internal/root/curated/+simple/"
ca = "/etc/ssl/mirror.pem"

[catalogue]
url = "https://mirror.internal/+noegress/catalogue/"
root-sha256 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
max-age = 48

[egress]
allow = ["mirror.internal:443", "10.20.0.0/16:5432", "unix:/run/postgresql/.s.PGSQL.5432"]
private-names = ["db.example.com"]

[admission]
formats = ["wheel"]
cooldown-days = 7
on-demand = true
on-demand-from = ["127.0.0.0/8"]
private = ["Acme_*"]
explain-refusals = false
advisories = "required"
advisory-max-age = 3

[admission.categories]
telemetry = "switch-off"
model-download = "refuse"

[guard]
allow-observe = true
allow-python-only = true

[[waiver]]
project = "Gradio"
versions = ">=5,<6"
category = "telemetry"
kill-switch = { GRADIO_ANALYTICS_ENABLED = "False" }
reason = "switched off by the variable"
expires = 2027-03-01
"""


def problems(text: str) -> list[str]:
    with pytest.raises(PolicyError) as refused:
        parse_policy(text, file="p.toml")
    return [f"{problem.line}: {problem.problem} | {problem.fix}" for problem in refused.value.problems]


def test_every_table_is_read() -> None:
    policy = parse_policy(WHOLE)
    assert policy.index.url == "https://mirror.internal/root/curated/+simple/"
    assert [str(destination) for destination in policy.egress.allow][1] == "10.20.0.0/16:5432"
    assert policy.admission.categories.telemetry is Action.SWITCH_OFF
    assert policy.admission.categories.self_update is Action.REFUSE
    assert policy.admission.private == ("acme-*",)
    assert policy.waiver[0].project == "gradio"
    assert policy.waiver[0].expires == date(2027, 3, 1)
    assert policy.guard.allow_observe


def test_the_smallest_policy_is_the_strict_one() -> None:
    policy = parse_policy("format = 1")
    assert policy.egress.allow == ()
    assert not policy.admission.on_demand
    assert policy.admission.cooldown_days == 7


def test_all_problems_are_reported_at_once_with_line_and_fix() -> None:
    text = (
        WHOLE.replace("telemetry = ", "telemetri = ", 1)
        .replace("cooldown-days = 7", 'cooldown-days = "3d"')
        .replace("mirror.internal:443", "mirror.internal")
        .replace("2027-03-01", '"soon"')
        .replace('"required"', '"requird"')
    )
    found = problems(text)
    assert [int(line.partition(":")[0]) for line in found] == [13, 18, 23, 27, 40]
    assert "the nearest is telemetry | write telemetry" in found[3]
    assert 'write "required"' in found[2]
    assert "names no port" in found[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "lacks format"),
        ("format = 2", "must be 1, the only format there is"),
        ("format = true", "not True"),
        ("format = 1\n[indx]", "the nearest is index"),
        ("format = 1\nindex = 3", "must be a table"),
        ("format = 1\n[egress]\nallow = 'a:1'", "must be an array"),
        ("format = 1\n[egress]\nallow = ['a:1', 'a:1']", "repeats"),
        ("format = 1\n[egress]\nallow = [3]", "must be a destination"),
        ("format = 1\n[index]\nurl = 'ftp://x/'", "no http or https URL"),
        ("format = 1\n[index]\nurl = 'https://u:p@x/'", "holds a user"),
        ("format = 1\n[admission]\nformats = ['egg']", "one of wheel, sdist"),
        ("format = 1\n[[waiver]]\nproject = 'x'", "lacks category"),
        (WHOLE.replace('versions = ">=5,<6"\n', ""), "either versions or sha256"),
        (WHOLE.replace('{ GRADIO_ANALYTICS_ENABLED = "False" }', '{ "A B" = "1" }'), "environment variable"),
        (WHOLE.replace('"telemetry"\nkill', '"integrity"\nkill'), "must be one of"),
        (WHOLE.replace(">=5,<6", "about five"), "version specifiers"),
    ],
)
def test_a_wrong_value_is_refused(text: str, said: str) -> None:
    assert any(said in problem for problem in problems(text))


def test_broken_toml_is_refused_at_its_line() -> None:
    assert problems("format = 1\n[index\n")[0].startswith("2: is not TOML")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"#" * (1 << 20) + b"\n"])
def test_a_file_that_is_no_policy_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "noegress.toml"
    path.write_bytes(content)
    with pytest.raises(PolicyError):
        read_policy(path)


def test_a_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot be read"):
        read_policy(tmp_path / "none.toml")


def test_the_tables_may_stand_in_pyproject(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text("[project]\nname = 'x'\n[tool.noegress]\nformat = 1\n[tool.noegress.egress]\nallow = ['a']\n")
    with pytest.raises(PolicyError) as refused:
        read_policy(path)
    assert refused.value.problems[0].line == 6
    path.write_text("[tool.noegress]\nformat = 1\n")
    assert read_policy(path).format == 1


def test_the_schema_accepts_what_the_reader_accepts() -> None:
    schema = policy_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    document = tomllib.loads(WHOLE)
    document["waiver"][0]["expires"] = str(document["waiver"][0]["expires"])
    jsonschema.validate(document, schema)
    document["indx"] = {}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema)
