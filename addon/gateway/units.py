"""The systemd units, as text; `scripts/install` puts them in their place.

The rules, HAProxy and the name server outlive the proxy: HAProxy goes on joining unrelated
connections while the workers are away, and refuses restricted ones.

The portal speaks with browsers, and is kept from the keys of the authority: it runs in a world
where they are not there, and in a user namespace of its own, from which it cannot look into the
proxy's either (ptrace(2), access mode checking).

What runs for long runs as a user of its own. Only the tasks that touch the packet filter are
root's, and they are short. They keep what they go by in `gateway` in the state folder, which is
root's and read-only in the proxy's world: whoever takes over the proxy must not write root's
rules.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from addon.gateway.name_server import CREDENTIAL
from addon.gateway.name_server import UNIT as NAME_SERVER_UNIT
from addon.gateway.places import HAPROXY, SERVICE, Places
from addon.gateway.rule_units import render_rule_units
from addon.gateway.sandbox import for_root, for_service

PORTAL: Final = "schoolgate-portal.service"
_NOT_THE_PORTALS: Final = (
    *("SCHOOLGATE_RECORD", "SCHOOLGATE_FORWARD_TO", "PGPASSFILE", "PGPASSWORD"),
    "SCHOOLGATE_SMTP_PASSWORD",
)
_OPEN_FILES: Final = 262144
"""For both: HAProxy is set up for as many connections as the proxy could open files for."""


def render_units(places: Places) -> dict[str, str]:
    """The units by file name."""
    return {
        SERVICE: _service(places),
        PORTAL: _portal(places),
        HAPROXY: _haproxy(places),
        "schoolgate-haproxy-refresh.service": _haproxy_refresh(),
        "schoolgate-haproxy-refresh.path": _haproxy_path(places),
        NAME_SERVER_UNIT: _name_server(places),
        **render_rule_units(places),
    }


def _service(places: Places) -> str:
    return f"""\
[Unit]
Description=Schoolgate: the proxy
# PostgreSQL: a record on this machine is written to until the end.
After=network-online.target postgresql.service
Wants=network-online.target {HAPROXY} {PORTAL}
Before={HAPROXY}
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
Environment=SCHOOLGATE_PORTAL_PROCESS=external
# Options of `schoolgate run`, as variables.
EnvironmentFile=-{places.settings}
ExecStart={places.command} run --state {places.state} --policy {places.policy}
ExecReload=/bin/kill -HUP $MAINPID
# It says that it is alive while every process of it answers.
WatchdogSec=30
TimeoutStartSec=120
TimeoutStopSec=10
KillMode=mixed
Restart=always
RestartSec=2
LimitNOFILE={_OPEN_FILES}
# Where shares and sticks are mounted: the record's head can be written there every day.
ReadWritePaths=-/mnt -/media
# pyOpenSSL makes its callbacks (cffi's) as it goes; without them there is no TLS.
{for_service(places.user, writes=[places.state], compiles=True)}\
ReadOnlyPaths=-{places.state}/gateway

[Install]
WantedBy=multi-user.target
"""


def _portal(places: Places) -> str:
    return f"""\
[Unit]
Description=Schoolgate: the portal
After=network-online.target {SERVICE}
Wants=network-online.target
PartOf={SERVICE}
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
EnvironmentFile=-{places.settings}
# The record and passwords are not its business.
UnsetEnvironment={" ".join(_NOT_THE_PORTALS)}
ExecStart={places.command} portal --state {places.state} --policy {places.policy}
ExecReload=/bin/kill -HUP $MAINPID
WatchdogSec=30
TimeoutStartSec=120
TimeoutStopSec=10
KillMode=mixed
Restart=always
RestartSec=2
# Argon2 and cffi make their callbacks as they go.
{for_service(places.user, writes=[places.state], hides=_secrets(places), compiles=True)}\
ReadOnlyPaths=-{places.state}/gateway -{places.state}/haproxy -{places.state}/certificates

[Install]
WantedBy=multi-user.target
"""


def _secrets(places: Places) -> list[Path]:
    """What only the proxy needs."""
    names = ("authority", "backups", ".pgpass", ".smtp-password")
    return [places.state / name for name in names]


def _haproxy(places: Places) -> str:
    folder = places.state / "haproxy"
    configuration = folder / "haproxy.cfg"
    # CAP_NET_RAW is what TPROXY sockets for IPv6 want (ip(7), IP_TRANSPARENT).
    return f"""\
[Unit]
Description=Schoolgate: sorts connections by name
Documentation=man:haproxy(1)
After=network-online.target
Wants=network-online.target
# The proxy writes it at its first start; then the path unit starts this one.
ConditionPathExists={configuration}
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStartPre={places.haproxy} -c -q -f {configuration}
ExecStart={places.haproxy} -Ws -f {configuration}
ExecReload={places.haproxy} -c -q -f {configuration}
ExecReload=/bin/kill -USR2 $MAINPID
SuccessExitStatus=143
KillMode=mixed
TimeoutStopSec=10
Restart=always
RestartSec=1
LimitNOFILE={_OPEN_FILES}
# It compiles its regular expressions (PCRE2's JIT), or refuses to start.
{for_service(places.user, "CAP_NET_RAW", writes=[folder], hides=_secrets(places), compiles=True)}\

[Install]
WantedBy=multi-user.target
"""


def _haproxy_refresh() -> str:
    return f"""\
[Unit]
Description=Schoolgate: has HAProxy read its configuration again

[Service]
Type=oneshot
ExecStart=/bin/systemctl reload-or-restart {HAPROXY}
{for_root()}"""


def _haproxy_path(places: Places) -> str:
    return f"""\
[Unit]
Description=Schoolgate: watches HAProxy's configuration
# Or the change that the first start of the proxy makes would be missed.
Before={SERVICE}

[Path]
PathChanged={places.state / "haproxy" / "haproxy.cfg"}
Unit=schoolgate-haproxy-refresh.service

[Install]
WantedBy=multi-user.target
"""


def _name_server(places: Places) -> str:
    configuration = places.state / "gateway" / "in-force" / "dnsmasq.conf"
    # systemd hands the file over, because the folder is root's alone.
    return f"""\
[Unit]
Description=Schoolgate: the gateway's name server
Documentation=man:dnsmasq(8)
After=network-online.target
Wants=network-online.target
ConditionPathExists={configuration}
StartLimitIntervalSec=0

[Service]
Type=exec
LoadCredential={CREDENTIAL.name}:{configuration}
ExecStart={places.dnsmasq} --keep-in-foreground --log-facility=- --pid-file= \
--conf-file={CREDENTIAL}
TimeoutStopSec=10
Restart=always
RestartSec=1
{for_service(places.user, "CAP_NET_BIND_SERVICE", "CAP_NET_ADMIN", hides=_secrets(places))}\

[Install]
WantedBy=multi-user.target
"""
