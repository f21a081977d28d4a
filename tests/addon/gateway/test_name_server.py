"""The name server where systemd keeps it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.support.namespace import Namespace, missing

_WHY_NOT = missing()
RESTART = """
import sys
from pathlib import Path
from addon.gateway import name_server
name_server._SYSTEMD_WITHIN = 0.3
folder = Path(sys.argv[1])
try:
    name_server.NameServer(folder / "dnsmasq.conf", folder).restart()
except name_server.NameServerError as error:
    print(error)
"""


@pytest.mark.lab
@pytest.mark.skipif(bool(_WHY_NOT), reason=str(_WHY_NOT))
def test_a_systemd_that_hangs_is_said_in_a_sentence(tmp_path: Path) -> None:
    """On folders of its own where systemd's are, with a systemctl that does not come back."""
    (tmp_path / "systemctl").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "systemctl").chmod(0o755)
    with_systemd = (
        "mount -t tmpfs none /run && mount -t tmpfs none /etc/systemd || exit 77;"
        " mkdir -p /run/systemd/system /etc/systemd/system;"
        ' echo > /etc/systemd/system/schoolgate-dnsmasq.service; exec "$@"'
    )
    if not Path("/etc/systemd").is_dir():
        pytest.skip("needs a folder /etc/systemd to put another over")
    with Namespace() as namespace:
        done = namespace.run(
            *("env", f"PATH={tmp_path}:{os.environ['PATH']}", f"PYTHONPATH={Path.cwd()}"),
            *("unshare", "--mount", "sh", "-c", with_systemd, "sh"),
            *(sys.executable, "-c", RESTART, tmp_path),
        )
    assert (done.stderr, done.stdout) == (
        "",
        "systemd does not restart schoolgate-dnsmasq.service in time;"
        " see 'systemctl status schoolgate-dnsmasq.service'.\n",
    )
