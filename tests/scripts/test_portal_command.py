"""`schoolgate portal` beside `schoolgate run --portal-process external`, as systemd runs them."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import httpx

from tests.scripts.test_run import healthz
from tests.support.running_gate import POLICY, wait_until
from tests.support.schoolgate import COMMAND, Schoolgate, free_port


def test_the_portal_can_be_a_service_of_its_own(tmp_path: Path) -> None:
    state, at = tmp_path / "state", f"127.0.0.1:{free_port()}"
    with Schoolgate(state, "--portal-process", "external", portal=at) as gate:
        assert sorted(gate.children()) == ["proxy"]
        portal = subprocess.Popen(
            [COMMAND, "portal", "--state", state, "--policy", POLICY, "--portal", at],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        )
        try:
            assert portal.stdout
            assert portal.stdout.readline() == f"The portal is ready on http://{at}/ .\n"
            wait_until(lambda: healthz(gate)["status"] == "ok", 30)
            # The keys may be out of its sight.
            (state / "authority").rename(state / "elsewhere")
            page = httpx.get(f"http://{at}/certificate/schoolgate-ca.pem")
            assert page.text.startswith("-----BEGIN CERTIFICATE-----")
            (state / "elsewhere").rename(state / "authority")
        finally:
            portal.send_signal(signal.SIGTERM)
            assert portal.wait(30) == 0
            assert portal.stdout
            portal.stdout.close()
