"""The benchmark's street as the soak needs it: a site that keeps count, and a school to decide for.

nginx notes each request below `/soak/`, with which the record is compared at the end. Behind it,
for WebSockets, is the origin that the tests have too.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.bench.stage import POLICY, ROOT
from tests.bench.street import LEADS, Street

GRANTED = "www.instagram.com"
OFFICE = ("10.77.0.2", "10.77.0.3", "10.77.0.4", "10.77.0.5")
TEACHERS = ("10.77.0.6", "10.77.0.7", "10.77.0.8")
STRANGER = "10.77.0.9"

_NGINX = """\
daemon off; worker_processes 1; user root; pid {folder}/nginx.pid; error_log {folder}/error.log;
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
  log_format soak '$host $request_uri $status';
  access_log off; keepalive_requests 100000; default_type text/html; root {folder}/site;
  sendfile on;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  ssl_certificate {folder}/site.pem; ssl_certificate_key {folder}/site.key;
  ssl_session_cache off; ssl_session_tickets off;
  server {{
    listen 80 backlog=4096; listen 443 ssl backlog=4096;
    location /soak/ {{ access_log {folder}/seen.log soak; try_files /index.html =404; }}
    location /soak/bulk/ {{ access_log {folder}/seen.log soak; try_files /bulk =404; }}
    location /soak/socket/ {{
      access_log {folder}/seen.log soak;
      proxy_pass http://127.0.0.1:8180; proxy_http_version 1.1; proxy_read_timeout 600s;
      proxy_set_header Host $host;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;
    }}
  }}
}}
"""


@contextmanager
def soak_street(folder: Path) -> Iterator[Street]:
    """The street with the site and the devices."""
    with Street(folder, {**LEADS, GRANTED: "157.240.221.37"}, _NGINX) as street:
        for address in (*OFFICE[1:], *TEACHERS, STRANGER):
            street.device.address("eth0", f"{address}/24")
        both = folder / "both.pem"
        both.write_bytes(b"".join((folder / f"site.{end}").read_bytes() for end in ("key", "pem")))
        street.website.start(
            *[sys.executable, "-m", "tests.support.origin", "--host", "127.0.0.1"],
            *["--http", "8180", "--https", "8143", "--cert", both, "--log", folder / "origin.log"],
            cwd=ROOT,
        )
        street.website.wait_for(8180)
        yield street


def write_policy(path: Path, edition: int) -> None:
    """The school's policy; editions differ in the title of a purpose."""
    policy: dict[str, Any] = yaml.safe_load(POLICY.read_text())
    people = {f"office{n}": ("office", at) for n, at in enumerate(OFFICE)}
    people |= {f"teacher{n}": ("teachers", at) for n, at in enumerate(TEACHERS)}
    policy["people"] = {
        person: {"name": person, "role": "employee", "groups": [group], "addresses": [at]}
        for person, (group, at) in people.items()
    }
    policy["purposes"] = {
        "news-on-x": {
            "title": f"telling families the news on X, edition {edition}",
            "who": ["office"],
            "sites": ["x"],
            "paths": ["/soak"],
            "owner": "office0",
            "review": "2030-09-01",
        }
    }
    policy["declared"] = {
        "lesson": {
            "title": "preparing a lesson",
            "who": ["teachers"],
            "sites": ["instagram"],
            "longest": "2 hours",
            "approval": "not-needed",
            "a-day": 50,
            "owner": "office0",
            "review": "2030-09-01",
        }
    }
    beside = path.with_suffix(".new")
    beside.write_text(yaml.safe_dump(policy, sort_keys=False))
    beside.replace(path)


def seen(folder: Path, host: str) -> Counter[str]:
    """How often the site was asked for each path of one host."""
    lines = (line.split(" ") for line in (folder / "seen.log").read_text().splitlines())
    return Counter(path for name, path, _ in lines if name == host)
