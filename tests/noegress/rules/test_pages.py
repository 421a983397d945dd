import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent.parent


def test_the_pages_of_the_rules_are_current() -> None:
    done = subprocess.run(
        [sys.executable, "tools/rule_docs.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
