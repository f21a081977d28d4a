"""What `schoolgate run` does when HAProxy stands in front of the workers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from addon.endpoint import Endpoint
from addon.gateway.front import (
    FIRST_WORKER_PORT,
    Front,
    FrontError,
    raise_file_limit,
    tables,
    write_front,
)
from addon.gateway.haproxy import haproxy_config
from addon.gateway.keeper import withdrawn_addresses
from addon.gateway.launch import check_config, check_rights, find_haproxy
from addon.gateway.machine import has_ipv6
from addon.gateway.names import gateway_names
from addon.state_folder import haproxy_folder
from rules.policy import Policy
from scripts.common import Sorry
from scripts.supervisor import Child

_FEW_CONNECTIONS = 2_000
_HAPROXY = "balancer, HAProxy,"


def module(name: str) -> list[str]:
    """The command that runs a module of ours."""
    # -P: the folder it was started in is not searched for modules with our generic names.
    return [sys.executable, "-P", "-m", name]


def worker_endpoint(number: int) -> Endpoint:
    """Where a worker behind HAProxy listens."""
    return Endpoint("127.0.0.1", FIRST_WORKER_PORT + number)


def front_of(
    state: Path, mode: str, workers: int, listen: Endpoint, listen_http: Endpoint
) -> Front:
    """The facts of the command line, as the front takes them."""
    redirected = mode == "gateway"
    return Front(
        folder=haproxy_folder(state),
        workers=workers,
        tls=listen if redirected else None,
        http=listen_http if redirected else None,
        explicit=None if redirected else listen,
        ipv6=has_ipv6(),
    )


def prepare_front(front: Front, policy: Policy, *, own: bool) -> None:
    """Writes HAProxy's folder and lets HAProxy read it. Raises Sorry.

    It carries as many connections as this process may open files for; a service of its own has the
    same limit.
    """
    names = gateway_names(policy)
    try:
        program = find_haproxy()
        if own:
            for endpoint in (front.tls, front.http):
                if endpoint:
                    check_rights(endpoint)
        fitting = raise_file_limit(front.connections) if own else front.connections
        if fitting < _FEW_CONNECTIONS:
            click.echo(
                f"Only {fitting:,} connections fit at a time, because this process may not open"
                " more files; raise its limit (ulimit -Hn).",
                err=True,
            )
        config = haproxy_config(
            replace(front, connections=fitting, paths=names.paths, external=not own)
        )
        write_front(front, config, tables(names, withdrawn_addresses(policy)))
        if own:  # a service of its own checks what it is given, and may where this one may not
            check_config(program, front)
    except FrontError as error:
        raise Sorry(str(error)) from error


def front_children(
    front: Front, worker: Sequence[str], state: Path, policy: Path, *, own: bool
) -> list[Child]:
    """The workers, HAProxy if it is ours to run, and what keeps it up to date."""
    mode = "balanced" if front.explicit else "gateway"
    children = []
    for number in range(front.workers):
        host, port = worker_endpoint(number)
        where = ("--mode", mode, "--host", host, "--port", str(port), "--number", str(number))
        children.append(Child(f"proxy worker {number}", [*worker, *where]))
    keeper = [*module("addon.gateway.keeper"), "--state", str(state), "--policy", str(policy)]
    if own:
        become = [*module("addon.gateway.become"), find_haproxy(), str(front.config)]
        # It would call workers dead that have not begun to live.
        after = [child.name for child in children]
        children.append(Child(_HAPROXY, become, reloads=False, after=after, silent_after=None))
        if front.explicit is None:  # which browsers are told of sends everything to the workers
            children.append(Child("keeper of its tables", keeper, after=[_HAPROXY]))
    else:
        children.append(Child("keeper of HAProxy's tables", [*keeper, "--external"]))
    return children
