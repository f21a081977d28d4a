"""The systemd units of the packet filter: short tasks that root does.

At the machine's start and after each change of the policy they put in force what was confirmed.
Another program's rules may begin with `flush ruleset`, which empties the whole packet filter: the
gate would stand open, and nobody would notice. So ours follow those of Debian, and are looked for
every minute.
"""

from __future__ import annotations

from addon.gateway.nftables import FAMILY, TABLE, TABLE_FILE
from addon.gateway.places import HAPROXY, SERVICE, Places
from addon.gateway.sandbox import for_root


def render_rule_units(places: Places) -> dict[str, str]:
    """The units by file name."""
    return {
        "schoolgate-gateway.service": _gateway(places),
        "schoolgate-gateway-refresh.service": _refresh(places),
        "schoolgate-gateway-refresh.path": _refresh_path(places),
        "schoolgate-gateway-refresh.timer": _refresh_timer(),
        "schoolgate-gateway-watch.service": _watch(places),
        "schoolgate-gateway-watch.timer": _watch_timer(),
    }


def _gateway(places: Places) -> str:
    return f"""\
[Unit]
Description=Schoolgate: the gateway's rules
Documentation=man:nft(8)
After=network-online.target nftables.service {SERVICE} {HAPROXY}
Wants=network-online.target {HAPROXY}
# Debian's own rules begin with `flush ruleset`, which takes ours away too.
PartOf=nftables.service
ReloadPropagatedFrom=nftables.service
# Nothing is put in force that nobody confirmed.
ConditionPathExists={places.state}/gateway/facts.yaml
StartLimitIntervalSec=0

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={_apply(places)}
# Reloads are in no order among units (systemd.unit(5), Before=); Debian's takes an instant.
ExecReload=/bin/sleep 1
ExecReload={_apply(places)}
Restart=on-failure
RestartSec=10
{_touches_the_net(places)}
[Install]
WantedBy=multi-user.target
"""


def _refresh(places: Places) -> str:
    return f"""\
[Unit]
Description=Schoolgate: the gateway's rules after a change of the policy
After=schoolgate-gateway.service
ConditionPathExists={places.state}/gateway/facts.yaml

[Service]
Type=oneshot
ExecStart={_apply(places)}
{_touches_the_net(places)}"""


def _refresh_path(places: Places) -> str:
    return f"""\
[Unit]
Description=Schoolgate: watches the policy and its lists

[Path]
PathChanged={places.policy}
PathChanged={places.state / "lists"}
Unit=schoolgate-gateway-refresh.service

[Install]
WantedBy=multi-user.target
"""


def _refresh_timer() -> str:
    return """\
[Unit]
Description=Schoolgate: looks now and then whether the gateway's rules are still those in force

[Timer]
OnBootSec=5min
OnUnitActiveSec=1h
RandomizedDelaySec=5min
Unit=schoolgate-gateway-refresh.service

[Install]
WantedBy=timers.target
"""


def _watch(places: Places) -> str:
    return f"""\
[Unit]
Description=Schoolgate: puts the gateway's rules back where somebody took them away
After=schoolgate-gateway.service
ConditionPathExists={places.state}/gateway/facts.yaml
# Explicit mode has none.
ConditionPathExists={places.state}/gateway/in-force/{TABLE_FILE}

[Service]
Type=oneshot
# To look costs some milliseconds; only where the table is gone is there more to do.
ExecCondition=/bin/sh -c '! {places.nft} --terse list table {FAMILY} {TABLE} >/dev/null 2>&1'
ExecStart={_apply(places)}
{_touches_the_net(places)}"""


def _watch_timer() -> str:
    return """\
[Unit]
Description=Schoolgate: looks every minute whether the gateway's rules are still there

[Timer]
OnCalendar=minutely
AccuracySec=5s
Unit=schoolgate-gateway-watch.service

[Install]
WantedBy=timers.target
"""


def _touches_the_net(places: Places) -> str:
    """The last three see who else answers on port 53, and read what belongs to the proxy's user."""
    return f"ReadWritePaths=-{places.state}/gateway\n" + for_root(
        *("CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE"),
        *("CAP_KILL", "CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH"),
    )


def _apply(places: Places) -> str:
    return (
        f"{places.command} gateway apply --confirmed --state {places.state}"
        f" --policy {places.policy}"
    )
