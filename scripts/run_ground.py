"""What `schoolgate run` stands on: free ports, a folder of its own, authorities to trust."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from pathlib import Path
from typing import Final

import certifi

from addon.endpoint import Endpoint
from rules.identity import Source
from rules.policy import Policy
from scripts.common import Sorry

_UPSTREAM_BUNDLE: Final = "upstream-authorities.pem"


def signs_in_to_the_proxy(policy: Policy, mode: str) -> bool:
    """Whether people sign in to the proxy itself. Raises Sorry where they cannot."""
    if Source.PROXY_SIGN_IN not in policy.identity.sources:
        return False
    if mode != "regular":
        raise Sorry(
            "The policy has people sign in to the proxy, which works with --mode regular: run it"
            " so, or take 'proxy-sign-in' out of the policy's sources."
        )
    return True


def check_free(what: str, option: str, endpoint: Endpoint) -> None:
    """Raises Sorry if `what` cannot listen there; `option` is what says where."""
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(endpoint)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                reason = "something else listens there; stop it"
                reason += f" or choose another with {option}" if option else ""
            elif error.errno == errno.EADDRNOTAVAIL:
                reason = "this machine does not have that address"
            else:
                reason = (error.strerror or str(error)).rstrip(".").lower()
            raise Sorry(f"The {what} cannot listen on {endpoint}: {reason}.") from error


def hold(state: Path) -> int:
    """Holds the state folder for this process, until the descriptor that it gives back is closed.

    Two would give two events one number. Raises Sorry.
    """
    descriptor = os.open(state / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise Sorry(
            f"Another Schoolgate is running on {state}; stop it, or give this one its own --state."
        ) from error
    return descriptor


def upstream_bundle(extra: Path, state: Path) -> Path:
    """The public authorities and the school's further ones, in one file, as mitmproxy takes one.

    Raises Sorry if `extra` is no file of certificates.
    """
    try:
        text = extra.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise Sorry(f"{extra} cannot be read as a PEM file of certificates.") from error
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise Sorry(f"{extra} holds no certificate in PEM form.")
    bundle = state / _UPSTREAM_BUNDLE
    bundle.write_text(Path(certifi.where()).read_text(encoding="utf-8") + "\n" + text, "utf-8")
    return bundle
