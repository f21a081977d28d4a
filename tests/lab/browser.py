"""A real Chromium inside the namespace, whose home trusts what a school's would."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, sync_playwright

from tests.support.namespace import Namespace

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def chromium(
    folder: Path,
    namespace: Namespace,
    authorities: Mapping[str, Path],
    proxy: str | None,
    flags: Sequence[str] = (),
    **options: Any,
) -> Iterator[BrowserContext]:
    """A browser in which `authorities` (a name and a PEM file each) are trusted.

    What an earlier one left in `folder` it finds again.
    """
    home = folder / "home"
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True, exist_ok=True)
    database = f"sql:{store}"
    if not (store / "cert9.db").exists():
        subprocess.run(["certutil", "-N", "-d", database, "--empty-password"], check=True)
    for name, file in authorities.items():
        subprocess.run(
            ["certutil", "-A", "-d", database, "-n", name, "-t", "C,,", "-i", str(file)], check=True
        )
    program = folder / "chromium"
    inside = shlex.join(namespace.command(str(shutil.which("chromium"))))
    program.write_text(f'#!/bin/sh\nexec {inside} "$@"\n')
    program.chmod(0o700)
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            folder / "profile",
            executable_path=program,
            args=[*FLAGS, *flags],
            proxy={"server": proxy} if proxy else None,
            env={**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config")},
            timeout=90_000,
            **options,
        )
        context.set_default_timeout(45_000)
        try:
            yield context
        finally:
            context.close()
