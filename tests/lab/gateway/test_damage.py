"""Files and programs of the gateway that are damaged or gone: a sentence, and as much as can be."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab.gateway.box import SIDES, WHY_NOT, Box

pytestmark = [pytest.mark.lab, pytest.mark.skipif(bool(WHY_NOT), reason=str(WHY_NOT))]

WITHOUT_NFT = (
    *("unshare", "--mount", "sh", "-c"),
    'mount --bind /dev/null $(PATH=$PATH:/usr/sbin command -v nft); exec "$@"',
    "sh",
)
NOT_OURS = b"\x00\xff{[not ours"


@pytest.fixture
def box(ground: Box) -> Iterator[Box]:
    yield ground
    ground.wipe()


def told(done: subprocess.CompletedProcess[Any]) -> str:
    """What a command that failed said, without a traceback."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return str(done.stdout + done.stderr)


@pytest.mark.parametrize("damage", [b"{}", b'{"at": "yesterday"}', NOT_OURS, b""])
def test_a_note_of_what_stands_that_is_damaged_is_written_anew(box: Box, damage: bytes) -> None:
    box.apply(*SIDES)
    noted = box.state / "gateway" / "in-force" / "stand.json"
    noted.write_bytes(damage)
    said = told(box.run("status"))
    assert f"{noted} is damaged. Run 'schoolgate gateway apply', which writes it anew." in said
    box.apply()
    assert box.run("status").returncode == 0


def test_a_file_in_force_that_is_damaged_is_written_anew(box: Box) -> None:
    box.apply(*SIDES)
    (box.state / "gateway" / "in-force" / "dnsmasq.conf").write_bytes(NOT_OURS)
    assert "have changed since (names)" in told(box.run("status"))
    box.apply()
    assert box.run("status").returncode == 0


def test_a_damaged_note_of_when_a_change_was_undone(box: Box) -> None:
    box.apply(*SIDES)
    undone = box.state / "gateway" / "undone.txt"
    undone.write_bytes(NOT_OURS)
    said = told(box.run("status"))
    assert f"was undone ({undone}, which says when, is damaged). Run 'schoolgate gateway" in said


@pytest.mark.parametrize("damage", [b"[1]", b'{"net/ipv4/ip_forward": 1}', NOT_OURS])
def test_damaged_settings_from_before_do_not_keep_the_rest(box: Box, damage: bytes) -> None:
    box.apply(*SIDES)
    before = box.state / "gateway" / "settings-before.json"
    before.write_bytes(damage)
    again = told(box.run("apply", "--exempt", "10.77.0.99", "--within", "5"))
    assert f"{before} is damaged: remove it and try again" in again
    assert "10.77.0.99" not in box.rules()
    assert not (box.state / "gateway" / "change.json").exists()
    said = told(box.run("remove"))
    assert said.startswith(f"{before} was damaged, so the kernel settings stay as they are: set")
    assert "schoolgate" not in box.rules()
    assert not (box.state / "gateway" / "in-force").exists()
    assert box.run("remove").stdout == "There was nothing to remove.\n"


def test_without_nft_rules_stay_and_what_they_lead_to_stays_with_them(box: Box) -> None:
    remove = box.command("remove")
    done = box.lab.gateway.run(*WITHOUT_NFT, *remove)
    assert done.stdout == "There was nothing to remove.\n", done.stderr
    box.apply(*SIDES)
    assert told(box.lab.gateway.run(*WITHOUT_NFT, *remove)) == (
        "nft is not installed, so the rules cannot be taken away, and nothing else was: install"
        " nftables and try again.\n"
    )
    assert told(box.lab.gateway.run(*WITHOUT_NFT, *box.command("status"))) == (
        "nft is not installed; install nftables.\n"
    )
    assert box.run("status").returncode == 0
    assert box.run("remove").stdout == "The gateway is removed.\n"
