"""`schoolgate gateway`, where nothing is changed."""

from __future__ import annotations

import os
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from scripts.gateway_command import gateway
from tests.support.running_gate import POLICY


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(gateway, [str(argument) for argument in arguments])


def render(folder: Path, *options: str | Path) -> Result:
    rest = ("--state", folder / "state", "--policy", POLICY, "--dns", "192.0.2.53")
    return run("render", folder / "out", *rest, *options)


def test_render_writes_all_of_it_and_nothing_else(tmp_path: Path) -> None:
    done = render(tmp_path, "--lan", "eth1", "--wan", "eth0")
    assert done.exit_code == 0, done.output
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {
        f"out/{name}"
        for name in (
            ".schoolgate-rendered",
            "facts.yaml",
            "schoolgate.nft",
            "dnsmasq.conf",
            "sysctl.conf",
            "haproxy/haproxy.cfg",
            "systemd/schoolgate-gateway.service",
            "systemd/schoolgate-gateway-refresh.service",
            "systemd/schoolgate-gateway-refresh.path",
            "systemd/schoolgate-gateway-refresh.timer",
            "systemd/schoolgate-gateway-watch.service",
            "systemd/schoolgate-gateway-watch.timer",
            "systemd/schoolgate-dnsmasq.service",
            "systemd/schoolgate-haproxy.service",
            "systemd/schoolgate-haproxy-refresh.service",
            "systemd/schoolgate-haproxy-refresh.path",
            "systemd/schoolgate-portal.service",
            "systemd/schoolgate.service",
        )
    }


SIDES = ("--lan", "eth1", "--wan", "eth0")
EXPLICIT = ("--mode", "explicit", "--portal", "10.0.0.1")


def test_a_later_render_takes_the_files_of_an_earlier_one_away(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("somebody's")
    for options in (SIDES, EXPLICIT, EXPLICIT):
        done = render(tmp_path, *options)
        assert done.exit_code == 0, done.output
    found = {path.name for path in out.iterdir()}
    assert found == {
        *(".schoolgate-rendered", "facts.yaml", "haproxy", "notes.txt"),
        *("proxy.pac", "systemd", "wpad.dat"),
    }
    assert not list(out.glob("systemd/*gateway*"))
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", ".schoolgate-rendered"],
        cwd=out,
        capture_output=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def test_what_render_did_not_write_is_named_and_left_alone(tmp_path: Path) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    render(tmp_path, *SIDES)
    (out / "dnsmasq.conf").write_text("port=54\n")  # changed
    (out / "wpad.dat").write_text("theirs")
    (out / "haproxy" / "haproxy.cfg").unlink()
    (out / "haproxy").rmdir()
    (out / "haproxy").write_text("a file")
    (out / "systemd").rename(elsewhere)
    (out / "systemd").symlink_to(elsewhere)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    done = render(tmp_path, *EXPLICIT)
    assert done.exit_code == 1
    assert done.output.startswith(
        f"{out} holds what 'render' did not write, or what was changed since (dnsmasq.conf,"
        " haproxy/haproxy.cfg, systemd/schoolgate-dnsmasq.service, "
    )
    assert done.output.endswith(", wpad.dat): move it away, or name another folder.\n")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_what_is_as_it_would_be_written_is_no_hindrance(tmp_path: Path) -> None:
    assert render(tmp_path, *SIDES).exit_code == 0
    (tmp_path / "out" / ".schoolgate-rendered").unlink()  # as earlier releases left it
    assert render(tmp_path, *SIDES).exit_code == 0


def test_a_list_of_files_leads_nowhere_else(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("theirs")
    (tmp_path / "out").mkdir()
    digest = sha256(b"theirs").hexdigest()
    lines = f"{digest}  ../victim\n{digest}  {victim}\nnonsense\n"
    (tmp_path / "out" / ".schoolgate-rendered").write_text(lines)
    done = render(tmp_path, *SIDES)
    assert done.exit_code == 0, done.output
    assert victim.read_text() == "theirs"


def test_facts_from_a_file_and_options_over_them(tmp_path: Path) -> None:
    facts = tmp_path / "facts.yaml"
    facts.write_text("lan: eth1\nwan: eth0\nmode: selective\nmasquerade: true\n")
    done = render(tmp_path, "--facts", facts, "--lan", "eth5", "--no-masquerade")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "facts.yaml").read_text().splitlines() == [
        "lan: [eth5]",
        "wan: eth0",
        "mode: selective",
        "dns: [192.0.2.53]",
    ]


def test_explicit_mode_says_how_browsers_find_the_proxy(tmp_path: Path) -> None:
    done = render(tmp_path, "--mode", "explicit", "--portal", "10.0.0.1:80")
    assert "http://10.0.0.1:80/wpad.dat, as DHCP option 252" in done.output
    assert not (tmp_path / "out" / "schoolgate.nft").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "name the one that staff are behind with --lan"),
        (("--lan", "eth1"), "name the one that the internet is behind with --wan"),
        (("--mode", "explicit"), "Say where staff's devices reach this machine, with --portal"),
        (("--facts", "nowhere.yaml"), "nowhere.yaml: The file cannot be read"),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    done = render(tmp_path, *options)
    assert done.exit_code == 1
    assert said in done.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--lan", "eth 1", "'eth 1' is not a network interface"),
        ("--dns", "dns.google", "'dns.google' is not the address of a name server"),
        ("--exempt", "printer", "'printer' is not a device"),
        ("--subnet", "10.0.0.0/8=shut", "'shut' is not a profile"),
        ("--forward", "school.local", "is not a domain and its name server"),
    ],
)
def test_an_option_that_cannot_be_read_is_wrong_usage(
    tmp_path: Path, option: str, value: str, said: str
) -> None:
    done = render(tmp_path, option, value)
    assert done.exit_code == 2
    assert said in " ".join(done.output.split())


@pytest.mark.parametrize("verb", ["apply", "confirm", "remove", "status"])
def test_only_root_may_change_or_read_the_rules(
    tmp_path: Path, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    done = run(verb, "--state", tmp_path)
    assert done.exit_code == 1
    assert done.output == ("Only root may change or read the network's rules: run it with sudo.\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
def test_a_state_folder_of_another_user_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.setresuid(65534, 65534, 65534)
        done = render(tmp_path, "--lan", "eth1", "--wan", "eth0")
        os.write(writer, f"{done.exit_code} {done.output}".encode())
        os._exit(0)
    os.close(writer)
    assert os.waitpid(child, 0)[1] == 0
    with os.fdopen(reader) as said:
        assert said.read() == (
            f"1 {tmp_path}/state/gateway/facts.yaml is another user's: run it with sudo, or as"
            " that user.\n"
        )
