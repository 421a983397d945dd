"""The configuration of nginx that stands before a mirror: TLS, and files sent by nginx once the mirror has said so.

Every request is passed on. nginx gives out no file by itself (``internal``), and keeps no copy of an answer.
"""

import re
from pathlib import Path

from devpi_noegress.state.folder import Folder
from noegress.errors import UsageError

LOCATION = "/+noegress-files/"
_HOST = re.compile(r"[A-Za-z0-9*]([A-Za-z0-9.*-]{0,252}[A-Za-z0-9])?")
_TEMPLATE = """\
# noegress behind nginx; start the mirror with
#   noegress mirror serve {folder} --proxy 127.0.0.1 --accelerate {location} --url https://{name}/
# nginx' workers have to read {files}: run them as the mirror's user (user NAME; in nginx.conf).
upstream noegress_mirror {{
    server 127.0.0.1:3141;
    keepalive 32;
}}

server {{
    # no http2 here: it has no reason phrase, and that is where pip shows why a file is refused
    listen 443 ssl;
    server_name {name};
    ssl_certificate     {certificate};
    ssl_certificate_key {key};
    ssl_protocols TLSv1.2 TLSv1.3;
    server_tokens off;

    client_max_body_size 1m;
    large_client_header_buffers 4 16k;
    merge_slashes off;

    location / {{
        # without a path: the request goes on as it was written
        proxy_pass http://noegress_mirror;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $host;
        # set, not added to: what the client says about itself does not count
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header Forwarded "";
        proxy_set_header X-Real-IP "";
        proxy_read_timeout 120s;      # a request is held for ten seconds at most, an admission by an operator longer
        proxy_buffering off;
        proxy_cache off;
    }}

    # reached by X-Accel-Redirect alone, after the mirror has looked whether the file is admitted
    location {location} {{
        internal;
        alias {files}/;
        default_type application/octet-stream;
        types {{ }}
        sendfile on;
        add_header Cache-Control "private, max-age=0, must-revalidate";
        add_header X-Content-Type-Options nosniff;
    }}
}}
"""


def nginx_configuration(folder: Folder, name: str, *, certificate: Path, key: Path) -> str:
    """The text for ``/etc/nginx/conf.d``; raises ``UsageError`` for a name that nginx would read as more than one."""
    if not _HOST.fullmatch(name):
        raise UsageError(f"{name!r} is no name of a host", fix="for example --server-name mirror.internal")
    paths = {"folder": folder.path, "files": folder.devpi / "+files", "certificate": certificate, "key": key}
    for path in paths.values():
        if not re.fullmatch(r"[\w./+@=,-]+", str(path)):
            raise UsageError(f"{path} has characters that nginx would read as its own", fix="use a plain path")
    return _TEMPLATE.format(name=name, location=LOCATION, **paths)
