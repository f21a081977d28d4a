"""Files of DHCP leases as the servers write them, whole and broken."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from addon.identity.lease_formats import FOREVER, Lease, leases_in
from rules.identity import LeaseFormat

LAPTOP, TABLET = "a4:5e:60:00:00:01", "a4:5e:60:00:00:02"
TEN = datetime(2026, 11, 23, 10, tzinfo=UTC)
STAMP = int(TEN.timestamp())
NEVER = datetime.fromtimestamp(0, UTC)

DNSMASQ = f"""\
{STAMP} {LAPTOP} 10.0.0.7 laptop 01:{LAPTOP}
0 {TABLET.upper()} 10.0.0.8 * *
duid 00:01:00:01:2f:aa:bb:cc:a4:5e:60:00:00:63
{STAMP} 1610612737 fd00::7 laptop 00:01:00:01:2f:aa:bb:cc:{LAPTOP}
{STAMP} 1610612738 fd00::8 tablet 00:03:00:01:{TABLET}
{STAMP} 1610612739 fd00::9 * 00:04:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00
"""
ISC = f"""\
# The format of this file is documented in the dhcpd.leases(5) manual page.
server-duid "\\000\\001";
lease 10.0.0.7 {{
  starts 1 2026/11/23 08:00:00;
  ends 1 2026/11/23 09:00:00;
  binding state active;
  hardware ethernet {LAPTOP};
}}
lease 10.0.0.7 {{
  starts 1 2026/11/23 09:00:00;
  ends 1 2026/11/23 10:00:00;
  binding state active;
  next binding state free;
  hardware ethernet {LAPTOP};
  client-hostname "a }} in quotes";
}}
lease 10.0.0.8 {{
  ends never;
  hardware ethernet {TABLET};
}}
lease 10.0.0.9 {{
  ends epoch {STAMP};
  hardware ethernet {TABLET};
}}
lease 10.0.0.10 {{
  ends 1 2026/11/23 10:00:00;
  binding state free;
  hardware ethernet {LAPTOP};
}}
"""
KEA = f"""\
address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context,pool_id
10.0.0.7,{LAPTOP},01:{LAPTOP},3600,{STAMP - 1800},1,0,0,laptop,0,,0
10.0.0.7,{LAPTOP},01:{LAPTOP},3600,{STAMP},1,0,0,laptop,0,,0
10.0.0.8,{TABLET},,3600,{STAMP},1,0,0,,0,,0
10.0.0.8,{TABLET},,0,{STAMP},1,0,0,,0,,0
10.0.0.9,{TABLET},,3600,{STAMP},1,0,0,,1,,0
"""
KEA_6 = f"""\
address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,fqdn_fwd,fqdn_rev,hostname,hwaddr,state
fd00::7,00:03:00:01:{LAPTOP},3600,{STAMP},1,1800,0,1,128,0,0,,,0
fd00::8,00:04:00,3600,{STAMP},1,1800,0,1,128,0,0,,{TABLET},0
"""
KEA_HOOK = f"""\
[{{"result": 0, "arguments": {{"leases": [
  {{"ip-address": "10.0.0.7", "hw-address": "{LAPTOP}", "cltt": {STAMP - 3600}, "valid-lft": 3600,
    "state": 0, "subnet-id": 1}},
  {{"ip-address": "10.0.0.8", "hw-address": "{TABLET}", "cltt": {STAMP}, "valid-lft": 1,
    "state": 2}},
  {{"ip-address": "10.0.0.9"}},
  "nonsense"
]}}}}, "nonsense", {{"arguments": {{"leases": "none"}}}}]
"""


@pytest.mark.parametrize(
    ("form", "text", "leases"),
    [
        (
            LeaseFormat.DNSMASQ,
            DNSMASQ,
            [
                Lease("10.0.0.7", LAPTOP, TEN),
                Lease("10.0.0.8", TABLET, FOREVER),
                Lease("fd00::7", LAPTOP, TEN),
                Lease("fd00::8", TABLET, TEN),
            ],
        ),
        (
            LeaseFormat.ISC,
            ISC,
            [
                Lease("10.0.0.7", LAPTOP, TEN),
                Lease("10.0.0.8", TABLET, FOREVER),
                Lease("10.0.0.9", TABLET, TEN),
                Lease("10.0.0.10", LAPTOP, NEVER),
            ],
        ),
        (
            LeaseFormat.KEA,
            KEA,
            [
                Lease("10.0.0.7", LAPTOP, TEN),
                Lease("10.0.0.8", TABLET, NEVER),
                Lease("10.0.0.9", TABLET, NEVER),
            ],
        ),
        (
            LeaseFormat.KEA,
            KEA_6,
            [Lease("fd00::7", LAPTOP, TEN), Lease("fd00::8", TABLET, TEN)],
        ),
        (
            LeaseFormat.KEA,
            KEA_HOOK,
            [Lease("10.0.0.7", LAPTOP, TEN), Lease("10.0.0.8", TABLET, NEVER)],
        ),
    ],
    ids=["dnsmasq", "isc", "kea", "kea-v6", "kea-hook"],
)
def test_what_a_server_writes_is_understood(
    form: LeaseFormat, text: str, leases: list[Lease]
) -> None:
    assert leases_in(text, form) == leases


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (LeaseFormat.DNSMASQ, DNSMASQ),
        (LeaseFormat.ISC, ISC),
        (LeaseFormat.KEA, KEA),
        (LeaseFormat.KEA, KEA_6),
        (LeaseFormat.KEA, KEA_HOOK),
    ],
    ids=["dnsmasq", "isc", "kea", "kea-v6", "kea-hook"],
)
def test_a_file_that_is_half_written_never_tells_what_the_whole_does_not(
    form: LeaseFormat, text: str
) -> None:
    # Earlier lines of one address are overtaken by later ones, which may be missing yet.
    ever = {(lease.address, lease.hardware) for lease in leases_in(text, form)}
    for length in range(len(text)):
        found = leases_in(text[:length], form)
        assert {(lease.address, lease.hardware) for lease in found} <= ever


def test_a_devices_name_hides_nobody_elses_lease() -> None:
    text = (
        "address,hwaddr,expire,hostname,state\n"
        f'10.0.0.7,{LAPTOP},{STAMP},"evil,0\n10.0.0.8,{TABLET},{STAMP},end",0\n'
    )
    assert [lease.address for lease in leases_in(text, LeaseFormat.KEA)] == ["10.0.0.7", "10.0.0.8"]


@pytest.mark.parametrize("form", LeaseFormat)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "\0\0\0\n",
        "{" * 5000,
        "[" * 200_000,
        f"99999999999999999999 {LAPTOP} 10.0.0.7 * *\n",
        f"x {LAPTOP} 10.0.0.7 * *\n",
        f"{STAMP} nonsense 10.0.0.7 * *\n",
        f"{STAMP} {LAPTOP} 10.0.0.777 * *\n",
        f"lease 10.0.0.7 {{\n  ends 1 2026/13/45 10:00:00;\n  hardware ethernet {LAPTOP};\n}}\n",
        f"lease 10.0.0.7 {{\n  hardware ethernet {LAPTOP};\n}}\n",
        "lease 10.0.0.7 {\n  ends never;\n}\n",
        f"address,hwaddr,expire,state\n10.0.0.7,{LAPTOP},soon,0\n10.0.0.7,{LAPTOP}\n",
    ],
)
def test_nonsense_holds_no_lease(form: LeaseFormat, text: str) -> None:
    assert leases_in(text, form) == []
