"""A change that is not confirmed ends, whatever hangs or is killed meanwhile."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.lab.gateway.box import SIDES, WHY_NOT, Box
from tests.support.running_gate import wait_until

pytestmark = [pytest.mark.lab, pytest.mark.skipif(bool(WHY_NOT), reason=str(WHY_NOT))]


@pytest.fixture
def box(ground: Box) -> Iterator[Box]:
    yield ground
    ground.wipe()


def waits(box: Box) -> bool:
    return (box.state / "gateway" / "change.json").exists()


def path_with_an_ip_that_hangs(folder: Path, words: str) -> str:
    """Given these words for the first time, `ip` makes the file `hangs` and does not come back."""
    ip, hangs = folder / "ip", folder / "hangs"
    ip.write_text(
        f"""#!/bin/sh
        case "$*" in *"{words}"*) [ -e {hangs} ] || {{ echo > {hangs}; exec sleep 100; }};; esac
        PATH="{os.environ["PATH"]}:/usr/sbin:/sbin"
        exec ip "$@"
        """
    )
    ip.chmod(0o755)
    return f"PATH={folder}:{os.environ['PATH']}"


def test_a_program_that_hangs_undoes_the_change_at_once(box: Box, tmp_path: Path) -> None:
    path = path_with_an_ip_that_hangs(tmp_path, "rule add")
    command = box.command("apply", *SIDES, "--within", "600")
    done = box.lab.gateway.run("env", path, *command)
    assert done.returncode == 1
    assert done.stderr == (
        "The IPv6 route cannot be changed: 'ip' does not answer."
        " What was there before is back in force.\n"
    )
    assert not waits(box)
    assert "schoolgate" not in box.rules()


def test_the_watchdog_tries_until_it_is_undone(box: Box, tmp_path: Path) -> None:
    path = path_with_an_ip_that_hangs(tmp_path, "rule delete")
    command = box.command("apply", *SIDES, "--within", "4")
    done = box.lab.gateway.run("env", path, *command)
    assert done.returncode == 0, done.stderr
    wait_until((tmp_path / "hangs").exists, 20)
    assert waits(box)
    wait_until(lambda: not waits(box), 30)
    assert "was not confirmed in time and was undone" in box.run("status").stdout


def test_where_explicit_mode_is_undone_packets_are_passed_on_again(box: Box) -> None:
    gateway = box.lab.gateway
    names = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")
    gateway.run("sysctl", "-qw", *(f"{name}=0" for name in names), check=True)
    try:
        box.apply(*SIDES)
        change = ("--mode", "explicit", "--portal", "10.77.0.1", "--within", "2")
        assert box.run("apply", *change).returncode == 0
        wait_until(lambda: not waits(box), 20)
        assert gateway.run("sysctl", "--values", *names).stdout.split() == ["1", "1"]
        assert box.run("remove").stdout == "The gateway is removed.\n"
        assert gateway.run("sysctl", "--values", *names).stdout.split() == ["0", "0"]
    finally:
        gateway.run("sysctl", "-qw", *(f"{name}=1" for name in names))


@pytest.mark.parametrize(
    ("verb", "options", "said"),
    [
        ("apply", ("--yes-i-checked",), "The last change was not confirmed, so what was there"),
        ("apply", ("--confirmed",), "The last change was not confirmed, so what was there"),
        ("confirm", (), "It is too late to confirm. The last change was not confirmed, so what"),
    ],
)
def test_where_the_watchdog_was_killed_the_next_command_undoes_the_change(
    box: Box, verb: str, options: tuple[str, ...], said: str
) -> None:
    box.apply(*SIDES, "--exempt", "10.77.0.99")
    box.run("apply", "--exempt", "10.77.0.98", "--within", "4", check=True)
    _kill_watchdog(box)
    wait_until(lambda: "is over, and it is not undone yet" in box.run("status").stdout, 20)
    assert "10.77.0.98" in box.rules()
    done = box.run(verb, *options)
    assert said in done.stderr
    assert "10.77.0.98" not in box.rules()
    assert "10.77.0.99" in box.rules()
    assert not waits(box)
    assert box.run("status").returncode == 0


def test_a_policy_with_faults_does_not_keep_such_a_change_in_force(box: Box) -> None:
    box.apply(*SIDES)
    box.run("apply", "--exempt", "10.77.0.98", "--within", "4", check=True)
    _kill_watchdog(box)
    wait_until(lambda: "is over, and it is not undone yet" in box.run("status").stdout, 20)
    text = box.policy.read_text()
    box.policy.write_text("school: 3\n")
    try:
        done = box.run("apply", "--confirmed")
    finally:
        box.policy.write_text(text)
    assert done.returncode == 1
    assert "The policy has faults" in done.stderr
    assert not waits(box)
    assert "10.77.0.98" not in box.rules()


def _kill_watchdog(box: Box) -> None:
    wanted = {b"addon.gateway.watchdog", str(box.state).encode()}
    inside = box.lab.gateway.run("ip", "netns", "pids", box.lab.gateway.name).stdout
    for pid in inside.split():
        with suppress(OSError):
            if wanted <= set(Path("/proc", pid, "cmdline").read_bytes().split(b"\0")):
                os.kill(int(pid), signal.SIGKILL)
