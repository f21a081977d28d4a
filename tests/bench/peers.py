"""The gateways that ours is measured beside, each set up as its own manual says and as one would.

All sort by server name, pass unrelated names on undecrypted, decrypt one restricted site to refuse
it with a page and another to allow it, cache nothing and log nothing. Their settings are printed
with the figures. Each is reached by a redirection of ports 80 and 443, put in place for its turn.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from addon.authority.certificates import new_key, root_certificate
from addon.authority.folder import SIGNING, key_text, text_of
from tests.bench.stage import ALLOWED, BLOCKED, ROOT, BenchError
from tests.bench.street import Street

NOTHING, TRACKED = "no proxy", "tracking"
_TABLE = "bench"
_PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"
_HERE = Path(__file__).parent
_PAGE_BYTES = 6500  # of a block page, about as many as ours has


@dataclass
class Gateway:
    """One contender. `show` are its settings, in a line; `process` is the head of its family."""

    name: str
    show: str
    process: subprocess.Popen[Any] | None = None
    rules: str = ""  # for nft, for as long as it is its turn
    rules_off: str = ""
    decides: bool = True  # whether it can refuse and allow, and not only pass
    cuts: bool = False  # whether a refusal has no length and ends with its connection
    refusal: int = 403  # the status that it refuses with


@dataclass(frozen=True)
class Peer:
    """How a contender is started in the street's gateway, if its program is here."""

    program: str
    start: Callable[[Street, int], Gateway] = field(repr=False)
    most_workers: int = 1

    def takes_part(self, workers: int) -> bool:
        """Whether it is installed, and can have so many processes that work."""
        return workers <= self.most_workers and shutil.which(self.program, path=_PATH) is not None


def redirect(plain: int, tls: int) -> tuple[str, str]:
    """Rules that lead ports 80 and 443 to two of the gateway's own, and how to take them away."""
    on = f"""table ip {_TABLE} {{
  chain prerouting {{
    type nat hook prerouting priority dstnat;
    iifname lan0 tcp dport 80 redirect to :{plain}
    iifname lan0 tcp dport 443 redirect to :{tls}
  }}
}}"""
    return on, f"delete table ip {_TABLE}"


def nobody(_: Street, __: int) -> Gateway:
    """The gateway as it is without any: the kernel forwards."""
    return Gateway(NOTHING, "the kernel forwards", decides=False)


_TRACKING = f"""table ip {_TABLE} {{
  chain forward {{
    type filter hook forward priority filter
    ct state invalid drop
  }}
}}"""


def tracking(_: Street, __: int) -> Gateway:
    """The least that nearly every school's router does beside forwarding: who translates addresses
    or lets only answers in has to know each connection.
    """
    off = f"delete table ip {_TABLE}"
    show = "the kernel forwards and tracks connections, as for NAT or a stateful firewall"
    return Gateway(TRACKED, show, rules=_TRACKING, rules_off=off, decides=False)


def mitmdump(street: Street, _: int) -> Gateway:
    """Bare mitmdump in transparent mode with the least addon that blocks a site by name."""
    folder = street.folder / "mitmdump"
    _authority(folder)
    names = "|".join(name.replace(".", "\\.") for name in (BLOCKED, ALLOWED))
    _page(street)
    process = _start(
        street,
        "mitmdump",
        *[Path(sys.executable).with_name("mitmdump"), "-q", "--mode", "transparent"],
        *["--listen-host", "0.0.0.0", "-p", "8070", "-s", _HERE / "bare_block.py"],
        *["--set", f"confdir={folder}", "--set", "connection_strategy=lazy"],
        *["--allow-hosts", f"({names})", "--set", "block_global=false"],
        *["--set", f"ssl_verify_upstream_trusted_ca={street.public_authority}"],
    )
    street.gateway.wait_for(8070, within=60)
    on, off = redirect(8070, 8070)
    show = "transparent, --allow-hosts the two sites, EC authority, an addon of six lines blocks"
    return Gateway("mitmdump", show, process, on, off)


_SQUID = """\
http_port 127.0.0.1:3127
http_port 3128 intercept
https_port 3129 intercept ssl-bump generate-host-certificates=on \
dynamic_cert_mem_cache_size=16MB tls-cert={folder}/authority.pem
sslcrtd_program {helper} -s {folder}/certificates -M 16MB
sslcrtd_children 4 startup=2 idle=1
tls_outgoing_options cafile={public}
acl step1 at_step SslBump1
acl restricted_name ssl::server_name {blocked} {allowed}
acl blocked dstdomain {blocked}
ssl_bump peek step1
ssl_bump bump restricted_name
ssl_bump splice all
http_access deny blocked
http_access allow all
host_verify_strict off
cache deny all
cache_mem 16 MB
memory_pools on
access_log none
cache_log {folder}/cache.log
pid_filename {folder}/pid
coredump_dir {folder}
cache_effective_user proxy
workers {workers}
shutdown_lifetime 1 seconds
max_filedescriptors 16384
"""


def squid(street: Street, workers: int) -> Gateway:
    """Squid (the build with OpenSSL): peeks at the name, splices, bumps the restricted."""
    folder = street.folder / "squid"
    folder.mkdir()
    _authority(folder / "made")
    (folder / "authority.pem").write_bytes((folder / "made/mitmproxy-ca.pem").read_bytes())
    helper = Path("/usr/lib/squid/security_file_certgen")
    made = subprocess.run(
        [helper, "-c", "-s", folder / "certificates", "-M", "16MB"],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        raise BenchError(f"squid's store of certificates could not be made: {made.stderr!r}")
    settings = folder / "squid.conf"
    settings.write_text(
        _SQUID.format(
            folder=folder,
            helper=helper,
            public=street.public_authority,
            blocked=BLOCKED,
            allowed=ALLOWED,
            workers=workers,
        )
    )
    _give(street.folder, folder, "proxy")
    process = _start(street, "squid", "squid", "--foreground", "-f", settings)
    street.gateway.wait_for(3129, within=60)
    on, off = redirect(3128, 3129)
    show = (
        f"peek at step 1, bump the two sites, splice all else; workers {workers}, no cache, no log"
    )
    return Gateway("squid", show, process, on, off)


def e2guardian(street: Street, _: int) -> Gateway:
    """e2guardian with its own interception: one site banned, the rest by server name only."""
    folder = street.folder / "e2guardian"
    shutil.copytree("/etc/e2guardian", folder)
    made = folder / "made"
    _authority(made)
    both = (made / "mitmproxy-ca.pem").read_text()
    at = both.index("-----BEGIN CERTIFICATE")
    private = folder / "private"
    (private / "generatedcerts").mkdir(parents=True, exist_ok=True)
    (private / "ca.key").write_text(both[:at])
    (private / "ca.pem").write_text(both[at:])
    (private / "cert.key").write_text(_rsa_key())
    (folder / "trusted").mkdir()
    shutil.copy(street.public_authority, folder / "trusted")
    subprocess.run(["openssl", "rehash", folder / "trusted"], check=True)
    main = folder / "e2guardian.conf"
    text = main.read_text().replace("/etc/e2guardian", str(folder))
    main.write_text(
        _settings(
            text,
            filterip="",
            filterports="8060",
            transparenthttpsport="8061",
            enablessl="on",
            # The one authority that it needs: it reads them all again for every connection.
            sslcertificatepath=f"'{folder}/trusted/'",
            languagedir=f"'{folder}/languages'",
            loglevel="0",
            nologger="on",
            nodaemon="on",
            logconnectionhandlingerrors="off",
            weightedphrasemode="0",
            pidfilename=f"'{folder}/pid'",
            loglocation=f"'{folder}/access.log'",
        )
    )
    group = folder / "e2guardianf1.conf"
    group.write_text(
        _settings(
            group.read_text().replace("/etc/e2guardian", str(folder)),
            sslmitm="on",
            mitmcheckcert="off",
            disablecontentscan="on",
            naughtynesslimit="9999",
            reportinglevel="3",
        )
    )
    (folder / "lists" / "bannedsitelist").write_text(f"{BLOCKED}\n")
    (folder / "lists" / "greysslsitelist").write_text(f"{BLOCKED}\n{ALLOWED}\n")
    for name in ("bannedphraselist", "weightedphraselist", "exceptionphraselist"):
        (folder / "lists" / name).write_text("")
    story = folder / "examplef1.story"
    story.write_text(story.read_text().replace("/etc/e2guardian", str(folder)))
    languages = folder / "languages"
    shutil.copytree("/usr/share/e2guardian/languages", languages, dirs_exist_ok=True)
    (languages / "ukenglish/template.html").write_text("<p>" + "x" * _PAGE_BYTES)
    with (folder / "site.story").open("a") as site:
        # As the comment beside the general form in common.story says.
        site.write("\nfunction(sslcheckmitm)\nif(true) return sslcheckmitmgreyonly\n")
    _give(street.folder, folder, "e2guardian")
    process = _start(street, "e2guardian", "e2guardian", "-N", "-c", main)
    street.gateway.wait_for(8061, within=60)
    on, off = redirect(8060, 8061)
    show = "transparenthttpsport, sslmitm on for the two sites, no phrases, no scanners, no log"
    return Gateway("e2guardian", show, process, on, off, cuts=True, refusal=200)


def _settings(text: str, **wanted: str) -> str:
    """A file of `name = value` lines with some of them set."""
    lines = [line for line in text.splitlines() if line.partition("=")[0].strip() not in wanted]
    return "\n".join([*lines, *(f"{name} = {value}" for name, value in wanted.items())]) + "\n"


def _authority(folder: Path) -> None:
    """An elliptic-curve authority, key and certificate in one file, as mitmproxy names it."""
    folder.mkdir(parents=True, exist_ok=True)
    key = new_key()
    root = root_certificate(key, "Benchmark", datetime.now(UTC))
    (folder / SIGNING).write_bytes(key_text(key) + text_of(root))


def _rsa_key() -> str:
    made = subprocess.run(["openssl", "genrsa", "2048"], capture_output=True, text=True, check=True)
    return made.stdout


def _give(top: Path, folder: Path, user: str) -> None:
    """What a program that changes its user has to reach."""
    top.chmod(0o755)
    for one in (folder, *folder.rglob("*")):
        shutil.chown(one, user)


def _page(street: Street) -> None:
    """A block page of the size of ours, for the least addon to answer with."""
    body = "<p>" + "x" * _PAGE_BYTES
    (street.folder / "page").write_text(f"content-type: text/html\n\n{body}")


def _start(street: Street, name: str, *command: Any) -> subprocess.Popen[Any]:
    environment = {**os.environ, "BENCH_PAGE": str(street.folder / "page"), "PATH": _PATH}
    environment["BENCH_BLOCKED"] = BLOCKED
    with (street.folder / f"{name}.log").open("wb") as log:
        return street.gateway.start(*command, cwd=ROOT, env=environment, stdout=log, stderr=log)


PEERS = (
    Peer("ip", nobody, most_workers=16),
    Peer("ip", tracking, most_workers=16),
    Peer("ip", mitmdump),  # it comes with Schoolgate
    Peer("squid", squid, most_workers=16),
    Peer("e2guardian", e2guardian),
)
