"""Every export, held against the tool that reads it where that tool is here."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from noegress.cli import main
from noegress.destination import parse_destination
from noegress.export.explain import explain
from noegress.policy import FoundPolicy, read_policy

ADDRESSES = """\
format = 1
[index]
url = "https://mirror.internal/root/curated/+simple/"
ca = "/etc/ssl/mirror.pem"
[egress]
allow = [
  "10.20.0.0/16:5432",
  "[fd00::1]:443",
  "udp://10.0.0.2:53",
  "10.0.0.9:8000-8010",
  "10.0.0.10:*",
  "unix:/run/x.sock",
]
[[waiver]]
project = "gradio"
versions = ">=5"
category = "telemetry"
kill-switch = { GRADIO_ANALYTICS_ENABLED = "False", ODD = "a \\"b\\" $c 100%" }
reason = "x"
expires = 2999-01-01
"""
NAMES = ADDRESSES.replace('"unix:/run/x.sock",', '"mirror.internal:443",\n  "*.models.internal:443",')


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "noegress.toml"
    path.write_text(ADDRESSES)
    return path


def export(policy: Path, target: str, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    assert main(["policy", "export", target, "--policy", str(policy), *more]) == 0
    return capsys.readouterr().out


def document(text: str) -> Any:
    return YAML(typ="safe").load(text)


def test_a_network_policy_allows_addresses_and_ports(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = document(export(policy, "kubernetes", capsys))
    assert (manifest["apiVersion"], manifest["kind"]) == ("networking.k8s.io/v1", "NetworkPolicy")
    assert manifest["spec"]["policyTypes"] == ["Egress"]
    assert manifest["spec"]["egress"] == [
        {"to": [{"ipBlock": {"cidr": "10.20.0.0/16"}}], "ports": [{"protocol": "TCP", "port": 5432}]},
        {"to": [{"ipBlock": {"cidr": "fd00::1/128"}}], "ports": [{"protocol": "TCP", "port": 443}]},
        {"to": [{"ipBlock": {"cidr": "10.0.0.2/32"}}], "ports": [{"protocol": "UDP", "port": 53}]},
        {"to": [{"ipBlock": {"cidr": "10.0.0.9/32"}}], "ports": [{"protocol": "TCP", "port": 8000, "endPort": 8010}]},
        {"to": [{"ipBlock": {"cidr": "10.0.0.10/32"}}], "ports": [{"protocol": "TCP"}]},
    ]


def test_an_empty_allow_list_denies_everything(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy.write_text("format = 1\n")
    assert document(export(policy, "kubernetes", capsys))["spec"]["egress"] == []
    assert document(export(policy, "cilium", capsys))["spec"]["egress"] == [{}]


def test_cilium_takes_names_with_the_dns_rule_they_need(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy.write_text(NAMES)
    rules = document(export(policy, "cilium", capsys))["spec"]["egress"]
    assert rules[0]["toPorts"][0]["rules"]["dns"] == [
        {"matchName": "mirror.internal"},
        {"matchPattern": "*.models.internal"},
    ]
    assert {
        "toFQDNs": [{"matchName": "mirror.internal"}],
        "toPorts": [{"ports": [{"port": "443", "protocol": "TCP"}]}],
    } in rules
    assert {"toCIDR": ["10.0.0.10/32"], "toPorts": [{"ports": [{"port": "0", "protocol": "TCP"}]}]} in rules


@pytest.mark.parametrize("target", ["kubernetes", "nftables", "systemd"])
def test_a_door_that_sees_addresses_refuses_a_name_with_its_line(
    policy: Path, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    policy.write_text(NAMES)
    assert main(["policy", "export", target, "--policy", str(policy)]) == 2
    said = capsys.readouterr()
    assert f"{policy}:12: mirror.internal:443" in said.err
    assert said.out == ""


@pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed")
def test_nft_accepts_the_ruleset(policy: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rules = tmp_path / "rules.nft"
    rules.write_text(export(policy, "nftables", capsys))
    # in a network namespace of its own, where the check may ask the kernel
    command = ["unshare", "--user", "--map-root-user", "--net", "nft", "--check", "--file", str(rules)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


PEER = """\
import socket, time
held = [socket.create_server(place) for place in (("10.0.0.9", 8005), ("10.0.0.9", 9999), ("10.0.0.77", 443))]
print("listening", flush=True)
time.sleep(30)
"""
REACHED = """\
import socket
for place in (("10.0.0.9", 8005), ("10.0.0.9", 9999), ("10.0.0.77", 443)):
    try:
        socket.create_connection(place, timeout=3).close()
        print("open")
    except OSError:
        print("shut")
"""
WALK = """\
unshare -n sleep 30 & peer=$!
until [ "$(readlink /proc/$peer/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
ip link add v0 type veth peer name v1 netns $peer && ip addr add 10.0.0.1/24 dev v0 && ip link set v0 up || exit 9
nsenter -t $peer -n sh -c 'ip addr add 10.0.0.9/24 dev v1; ip addr add 10.0.0.77/24 dev v1; ip link set v1 up;
    exec "$0" -c "$1"' "$1" "$2" > "$4.peer" & served=$!
until grep -q listening "$4.peer"; do sleep 0.05; done
"$1" -c "$3"
nft -f "$4"
"$1" -c "$3"
kill $served $peer
"""


@pytest.mark.skipif(not all(map(shutil.which, ("nft", "ip", "unshare", "nsenter"))), reason="no nft, or no namespaces")
def test_the_loaded_ruleset_opens_what_the_policy_names_and_nothing_else(
    policy: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rules = tmp_path / "rules.nft"
    rules.write_text(export(policy, "nftables", capsys))
    command = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", WALK, "sh", sys.executable, PEER, REACHED]
    done = subprocess.run([*command, str(rules)], capture_output=True, text=True, check=False, timeout=60)
    if done.returncode == 9:
        pytest.skip("this kernel pairs no network namespaces")
    assert done.stdout.split() == ["open", "open", "open", "open", "shut", "shut"], done.stderr


@pytest.mark.skipif("CILIUM_SCHEMA" not in os.environ, reason="CILIUM_SCHEMA names no JSON Schema of the CRD")
def test_the_definition_of_cilium_accepts_the_policy(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy.write_text(NAMES)
    # a pattern of Go's in it is none of Python's, so the schema itself is not judged
    validator = jsonschema.Draft202012Validator(json.loads(Path(os.environ["CILIUM_SCHEMA"]).read_text()))
    validator.validate(document(export(policy, "cilium", capsys)))
    policy.write_text("format = 1\n")
    validator.validate(document(export(policy, "cilium", capsys)))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_accepts_the_drop_in(policy: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    unit, drop_in = tmp_path / "example.service", tmp_path / "example.service.d/noegress.conf"
    drop_in.parent.mkdir()
    unit.write_text("[Service]\nExecStart=/bin/true\n")
    drop_in.write_text(export(policy, "systemd", capsys))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert "noegress.conf" not in done.stderr, done.stderr


def test_systemd_says_which_ports_it_does_not_see(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = export(policy, "systemd", capsys)
    assert "# systemd does not see ports: 10.20.0.0/16:5432 opens every port there" in text
    assert "IPAddressAllow=10.20.0.0/16\n" in text
    assert 'Environment="ODD=a \\"b\\" $c 100%%"' in text


def test_kill_switches_are_written_in_three_forms(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export(policy, "env", capsys) == 'GRADIO_ANALYTICS_ENABLED=False\nODD=a "b" $c 100%\n'
    assert 'ENV ODD="a \\"b\\" \\$c 100%"\n' in export(policy, "env", capsys, "--form", "dockerfile")
    manifest = document(export(policy, "env", capsys, "--form", "configmap"))
    assert manifest["data"] == {"GRADIO_ANALYTICS_ENABLED": "False", "ODD": 'a "b" $c 100%'}


def test_the_installers_are_told_about_the_mirror_alone(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = ConfigParser()
    parser.read_string(export(policy, "pip", capsys))
    mirror = "https://mirror.internal/root/curated/+simple/"
    assert dict(parser["global"]) == {"index-url": mirror, "cert": "/etc/ssl/mirror.pem"}
    (index,) = tomllib.loads(export(policy, "uv", capsys))["index"]
    assert (index["url"], index["default"]) == (mirror, True)
    assert f"--build-arg PIP_INDEX_URL={mirror}" in export(policy, "docker", capsys)


def test_the_guard_policy_is_json(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = json.loads(export(policy, "guard", capsys))
    assert written["format"] == 1
    assert written["kill-switches"]["GRADIO_ANALYTICS_ENABLED"] == "False"


def test_an_environment_without_a_catalogue_cannot_be_exported(
    policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["policy", "export", "env", "--policy", str(policy), "--environment", str(policy.parent)]) != 0
    assert "catalogue" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asked", "is_open", "line"),
    [
        ("10.20.3.4:5432", {"guard", "cilium", "kubernetes", "nftables", "systemd"}, ":7)"),
        ("10.20.3.4:443", {"systemd"}, ":6)"),
        ("mirror.internal:443", {"installers"}, ":6)"),
        ("unix:/run/x.sock", {"guard", "cilium", "kubernetes", "nftables", "systemd"}, ":12)"),
    ],
)
def test_explain_names_the_doors_and_the_line(policy: Path, asked: str, is_open: set[str], line: str) -> None:
    found = FoundPolicy(policy=read_policy(policy), path=policy)
    answers = list(explain(found, parse_destination(asked)))
    assert {answer.door for answer in answers if answer.is_open} == is_open
    assert line in answers[0].reason


def test_explain_tells_what_a_door_cannot_see(tmp_path: Path) -> None:
    path = tmp_path / "noegress.toml"
    path.write_text('format = 1\n[egress]\nallow = ["10.20.0.0/16:5432"]\n')
    found = FoundPolicy(policy=read_policy(path), path=path)
    other_port = {answer.door for answer in explain(found, parse_destination("udp://10.20.0.1:53")) if answer.is_open}
    local = {answer.door for answer in explain(found, parse_destination("unix:/run/x")) if answer.is_open}
    assert other_port == {"systemd"}
    assert local == {"cilium", "kubernetes", "nftables", "systemd"}


def test_explain_exits_as_the_guard_decides(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "explain", "10.20.0.1:5432", "--policy", str(policy)]) == 0
    assert main(["policy", "explain", "evil.example:443", "--policy", str(policy)]) == 1
    assert main(["policy", "explain", "no port", "--policy", str(policy)]) == 2
    capsys.readouterr()
