"""tox keeps the build environment between two runs; what a refused run put there is not built with later.

Run by ``make matrix``, which makes the environment that tox is in.
"""

import pytest

from tests.hatch_plugin.conftest import Bench
from tests.hatch_plugin.test_matrix import COMMANDS, OTHERS, prepare, witness

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not (OTHERS / "tox").exists(), reason="make matrix installs tox")]


def test_what_a_refused_run_left_in_the_kept_environment_is_refused_later(bench: Bench) -> None:
    prepare(bench, "tox")
    command = COMMANDS["tox"]
    first = bench.run(*command, extra={"PIP_EXTRA_INDEX_URL": bench.indexes.higher})
    second = bench.run(*command)
    assert "environment: PIP_EXTRA_INDEX_URL=" in first.stdout
    assert "this build environment was filled" in second.stdout
    assert "fix: tox run -r" in second.stdout
    for done in (first, second):
        assert done.returncode != 0
        assert "Traceback" not in done.stdout, done.stdout
    assert witness(bench) == set()
    assert bench.run(*command, "-r").returncode == 0
    assert witness(bench) == {"good"}
