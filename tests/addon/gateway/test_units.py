"""What systemd itself says of the units: that it takes them, and how exposed each would be."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from addon.gateway.places import Places
from addon.gateway.units import render_units

pytestmark = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")

LONG_RUNNING = (
    "schoolgate.service",
    "schoolgate-portal.service",
    "schoolgate-haproxy.service",
    "schoolgate-dnsmasq.service",
)
MOST_EXPOSED = 2.5


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("units")
    places = Places(
        command=Path("/bin/true"),  # systemd looks whether the programs are there
        state=Path("/var/lib/schoolgate"),
        policy=Path("/etc/schoolgate/school.yaml"),
        dnsmasq=Path("/bin/true"),
        haproxy=Path("/bin/true"),
    )
    for name, text in render_units(places).items():
        (folder / name).write_text(text)
    return folder


def test_systemd_takes_every_unit(units: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *units.iterdir()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert not [line for line in done.stderr.splitlines() if "schoolgate" in line]


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_what_runs_for_long_is_hardly_exposed(units: Path, name: str) -> None:
    done = subprocess.run(
        [
            *("systemd-analyze", "security", "--offline=yes", "--no-pager"),
            *(f"--threshold={MOST_EXPOSED * 10:.0f}", units / name),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout.splitlines()[-1]
    assert "Overall exposure level" in done.stdout


def test_nothing_that_runs_for_long_is_roots(units: Path) -> None:
    for name in LONG_RUNNING:
        lines = (units / name).read_text().splitlines()
        assert "User=schoolgate" in lines
        assert "NoNewPrivileges=yes" in lines
        assert "CapabilityBoundingSet=CAP_SYS_ADMIN" not in lines
    proxy = (units / "schoolgate.service").read_text().splitlines()
    assert "CapabilityBoundingSet=" in proxy  # none at all
    assert "ReadOnlyPaths=-/var/lib/schoolgate/gateway" in proxy  # what root goes by
    assert "ReadWritePaths=-/mnt -/media" in proxy  # or no head could go to a share


def test_only_the_proxy_can_reach_the_keys_that_sign_and_passwords(units: Path) -> None:
    for secret in ("authority", "backups", ".pgpass", ".smtp-password"):
        hidden = f"InaccessiblePaths=-/var/lib/schoolgate/{secret}"
        for name in LONG_RUNNING:
            lines = (units / name).read_text().splitlines()
            assert (hidden in lines) is (name != "schoolgate.service"), name
    portal = (units / "schoolgate-portal.service").read_text().splitlines()
    assert "PrivateUsers=yes" in portal  # or it could look into the proxy's world (ptrace(2))
    proxy = (units / "schoolgate.service").read_text().splitlines()
    assert "Environment=SCHOOLGATE_PORTAL_PROCESS=external" in proxy
    (kept_from,) = [line for line in portal if line.startswith("UnsetEnvironment=")]
    assert {"SCHOOLGATE_RECORD", "SCHOOLGATE_SMTP_PASSWORD"} <= set(kept_from[17:].split())


def test_what_empties_the_packet_filter_takes_ours_away_for_a_minute_at_most(units: Path) -> None:
    rules = (units / "schoolgate-gateway.service").read_text().splitlines()
    for followed in ("PartOf", "ReloadPropagatedFrom"):
        assert f"{followed}=nftables.service" in rules
    assert any(line.startswith("ExecReload=") for line in rules)
    assert "OnCalendar=minutely" in (units / "schoolgate-gateway-watch.timer").read_text()
