"""What the lab needs is installed as far as it exists, with apt's answers as they are on Ubuntu."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "lab-packages.sh"
APT = {
    "id": "echo 0",
    "apt-get": '[ "$2" = update ] || echo "$@" >>"$0.asked"',
    "apt-cache": """
case $2 in
    firefox-esr) ;;
    chromium) printf '%s:\\n  Installed: (none)\\n  Candidate: (none)\\n' "$2" ;;
    *) printf '%s:\\n  Installed: (none)\\n  Candidate: 1.2-3\\n' "$2" ;;
esac""",
}


def test_a_package_that_does_not_exist_keeps_no_other_out_and_is_named(tmp_path: Path) -> None:
    for name, text in APT.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    for name in ("chmod", "mktemp", "rm", "tail"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    bash = str(shutil.which("bash"))
    done = subprocess.run(
        [bash, SCRIPT], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    asked = (tmp_path / "apt-get.asked").read_text().split()
    assert {"curl", "freeradius-utils", "openssl"} <= set(asked)
    assert not {"chromium", "firefox-esr"} & set(asked)
    *_, named = done.stderr.splitlines()
    words = named.removeprefix("Not installed: ").split(". ")
    assert sorted(words[0].split()) == ["chromium", "firefox-esr"]
    assert words[1] == "What needs them is skipped by name."
