"""Finding HAProxy, and finding out whether it will start."""

from __future__ import annotations

import re
import socket
import subprocess
from typing import Final

from addon.endpoint import Endpoint
from addon.gateway.front import Front, FrontError
from addon.gateway.machine import find_program, has_ipv6

OLDEST: Final = (2, 6)

_IPV6_TRANSPARENT: Final = 75  # linux/in6.h; Python has no name for it


def find_haproxy() -> str:
    """The program's path. Raises FrontError if it is missing or too old."""
    program = find_program("haproxy")
    needed = ".".join(map(str, OLDEST))
    if not program:
        raise FrontError(
            f"HAProxy is not installed, and several workers need it; install HAProxy {needed} or"
            " newer (on Debian and Ubuntu: apt install haproxy)."
        )
    said = _output(program, "-v")
    version = re.search(r"version (\d+)\.(\d+)", said)
    if not version or (int(version[1]), int(version[2])) < OLDEST:
        what = f"is version {version[1]}.{version[2]}" if version else "does not say its version"
        raise FrontError(f"The HAProxy at {program} {what}; install {needed} or newer.")
    return program


def check_config(program: str, front: Front) -> None:
    """Lets HAProxy read its configuration. Raises FrontError with what it finds wrong with it."""
    done = subprocess.run(  # noqa: S603 - the program that was found, our own file
        [program, "-c", "-f", front.config], capture_output=True, text=True, check=False
    )
    if done.returncode:
        alerts = re.findall(r"^\[ALERT\][^:]*: (.*)", done.stderr, re.MULTILINE)
        raise FrontError(
            f"HAProxy does not accept {front.config}: {'; '.join(alerts) or done.stderr.strip()}"
        )


def check_rights(endpoint: Endpoint) -> None:
    """Raises FrontError if IPv6 connections cannot be taken over here by TPROXY."""
    if ":" not in endpoint.host or not has_ipv6():
        return
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
        try:
            probe.setsockopt(socket.IPPROTO_IPV6, _IPV6_TRANSPARENT, 1)
        except PermissionError as error:
            raise FrontError(
                f"Only root, or a service with CAP_NET_RAW, can take over IPv6 connections on"
                f" {endpoint}; for IPv4 alone listen on 0.0.0.0:{endpoint.port}."
            ) from error


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError as error:
        raise FrontError(f"{command[0]} cannot be started: {error.strerror}.") from error
    return done.stdout
