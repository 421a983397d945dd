"""A client is told however it is kept or handed on before it is called, and so is a module that a process of its own runs."""
# ruff: noqa: E501 - one way a line

import pytest
from scan_lab import scan

HOST = "zorblax.xyz"
URL = f"https://{HOST}/v"
CLIENT = {
    "a dictionary": f"C = {{'get': requests.get}}\ndef f():\n    C['get']('{URL}')\n",
    "a session in a dictionary": f"C = {{'s': requests.Session()}}\ndef f():\n    C['s'].get('{URL}')\n",
    "getattr": f"def f():\n    getattr(requests, 'post')('{URL}')\n",
    "getattr with a name from elsewhere": f"def f(method):\n    getattr(requests, method)('{URL}')\n",
    "partial": f"import functools\ng = functools.partial(requests.get, timeout=3)\ndef f():\n    g('{URL}')\n",
    "a class attribute": f"class A:\n    fetch_it = staticmethod(requests.get)\n    def f(self):\n        self.fetch_it('{URL}')\n",
    "a pair": f"ask, tell = requests.get, requests.post\ndef f():\n    ask('{URL}')\n",
    "a default": f"def f(ask=requests.get):\n    ask('{URL}')\n",
    "a function that returns it": f"def g():\n    return requests.get\ndef f():\n    g()('{URL}')\n",
    "a constructor in a dictionary": f"import http.client\nK = {{'h': http.client.HTTPSConnection}}\ndef f():\n    K['h']('{HOST}')\n",
}  # fmt: skip


def hosts(files: dict[str, str]) -> set[str]:
    packed = {f"acme/{path}": text for path, text in files.items()}
    return {finding.host for finding in scan(packed).findings if finding.default_on}


@pytest.mark.parametrize("tool", CLIENT.values(), ids=CLIENT)
def test_a_client_that_is_kept_somewhere_is_told(tool: str) -> None:
    assert hosts({"__init__.py": "from acme import tool\n", "tool.py": f"import requests\n{tool}"}) == {HOST}


@pytest.mark.parametrize(
    "tool",
    [
        f"import requests\nC = {{'name': str.lower}}\ndef f():\n    C['name']('{URL}')\n",
        f"import requests, functools\ng = functools.partial(print, sep='')\ndef f():\n    g('{URL}')\n",
    ],
)
def test_what_is_no_client_is_not_told(tool: str) -> None:
    assert hosts({"__init__.py": "from acme import tool\n", "tool.py": tool}) == set()


@pytest.mark.parametrize(("flag", "told"), [("-m", True), ("-x", False)])
def test_a_module_that_runs_in_a_process_of_its_own_is_told(flag: str, *, told: bool) -> None:
    files = {
        "__init__.py": "from acme import tool\n",
        "tool.py": f"import subprocess, sys\ndef f():\n    subprocess.Popen([sys.executable, '{flag}', 'acme.worker'])\n",
        "worker.py": f"import requests\nif __name__ == '__main__':\n    requests.get('{URL}')\n",
    }
    assert (HOST in hosts(files)) is told
