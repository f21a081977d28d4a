"""A real Firefox inside the namespace, whose profile trusts what a school's would.

`firefox` opens one page and is steered by nothing: what the page's script reports is what is known
of it. Whoever wants to steer one starts it with `--marionette` (see `tests.lab.marionette`).
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.namespace import Namespace

_QUIET = {
    "browser.shell.checkDefaultBrowser": "false",
    "browser.aboutwelcome.enabled": "false",
    "datareporting.policy.dataSubmissionEnabled": "false",
    "datareporting.policy.dataSubmissionPolicyBypassNotification": "true",
    "toolkit.telemetry.reportingpolicy.firstRun": "false",
    "app.update.enabled": "false",
    "app.normandy.enabled": "false",
    "network.captive-portal-service.enabled": "false",
    "network.connectivity-service.enabled": "false",
    "network.http.speculative-parallel-limit": "0",
    "browser.safebrowsing.update.enabled": "false",
    "services.settings.server": '"http://127.0.0.1:9"',
    "termsofuse.bypassNotification": "true",
}


def profile(
    folder: Path, authorities: Mapping[str, Path], more: Mapping[str, str] | None = None
) -> Path:
    """The profile in `folder`, made if need be: `authorities` (a name and a PEM file each) are
    trusted, and preferences are those above and `more`, each with its value as JavaScript.
    """
    place = folder / "firefox"
    database = f"sql:{place}"
    if not place.exists():
        place.mkdir()
        subprocess.run(["certutil", "-N", "-d", database, "--empty-password"], check=True)
        for name, file in authorities.items():
            trust = ("-t", "C,,", "-i", str(file))
            subprocess.run(["certutil", "-A", "-d", database, "-n", name, *trust], check=True)
    (place / "user.js").write_text(
        "".join(
            f'user_pref("{name}", {value});\n' for name, value in {**_QUIET, **(more or {})}.items()
        )
    )
    return place


def start(namespace: Namespace, profile: Path, *words: str) -> subprocess.Popen[Any]:
    """A browser with a profile of `profile`, until it is stopped or its namespace ends."""
    home = profile.with_name("firefox-home")
    home.mkdir(exist_ok=True)
    return namespace.start(
        *("firefox-esr", "--headless", "--no-remote", "--profile", profile, *words),
        env={**os.environ, "HOME": str(home), "MOZ_DISABLE_CONTENT_SANDBOX": "1"},
    )


@contextmanager
def firefox(
    folder: Path, namespace: Namespace, authorities: Mapping[str, Path], url: str
) -> Iterator[None]:
    """A browser that opens `url`, until the end of the `with`."""
    process = start(namespace, profile(folder, authorities), url)
    try:
        yield
    finally:
        namespace.stop(process)
