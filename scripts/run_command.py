"""`schoolgate run`: checks what can be checked, then supervises the proxy and the portal."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from addon.authority.folder import AuthorityError
from addon.authority.keeping import ensure_authority
from addon.authority.names import wanted
from addon.endpoint import Endpoint, EndpointType
from addon.identity.presence import note_whether_wanted
from addon.kept_policy import KeptPolicy
from addon.policy_in_force import PolicyInForce
from addon.record_address import hand_on
from addon.sizes import DEFAULT_LIMIT, LimitType
from addon.state_folder import identity_wanted, lists_folder
from addon.state_version import NewerStateError, check_version, claim, current_version
from rules.loading import PolicyError
from scripts.common import (
    A_PATH,
    Sorry,
    WrongUsage,
    policy_option,
    portal_option,
    record_option,
    state_option,
    workers_option,
)
from scripts.portal_command import portal_child
from scripts.run_chores import chores
from scripts.run_forwarding import check_forwarding, forward_option, forwarding_children
from scripts.run_front import front_children, front_of, module, prepare_front, worker_endpoint
from scripts.run_ground import check_free, hold, signs_in_to_the_proxy, upstream_bundle
from scripts.run_heads import Heads, head_options
from scripts.run_record import (
    begin_anew_where_needed,
    keep_others_away,
    open_unless_damaged,
    remember_the_end,
)
from scripts.supervisor import Child, Supervisor
from storage.database import RecordError
from storage.gateway import Gateway

# Block pages link to it, so it is looked at before it stands on every one of them.
_WEB_ADDRESS = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")


@click.command()
@click.option(
    "--mode",
    type=click.Choice(["regular", "transparent", "gateway"]),
    default="regular",
    show_default=True,
    envvar="SCHOOLGATE_MODE",
    show_envvar=True,
    help="regular: browsers are told of the proxy. transparent: connections are redirected to it."
    " gateway: HAProxy takes redirected connections and sends on those that concern the policy.",
)
@workers_option("How many proxy processes; HAProxy shares clients out among more than one.")
@click.option(
    "--listen",
    type=EndpointType(),
    envvar="SCHOOLGATE_LISTEN",
    show_envvar=True,
    help="Where the proxy listens. [default: 127.0.0.1:8080, in gateway mode [::]:8443]",
)
@click.option(
    "--listen-http",
    type=EndpointType(),
    default="[::]:8080",
    show_default=True,
    envvar="SCHOOLGATE_LISTEN_HTTP",
    show_envvar=True,
    help="In gateway mode, where connections redirected from port 80 arrive.",
)
@click.option(
    "--haproxy",
    type=click.Choice(["child", "external"]),
    default="child",
    show_default=True,
    envvar="SCHOOLGATE_HAPROXY",
    show_envvar=True,
    help="external: HAProxy runs as a service of its own, on the folder haproxy in --state.",
)
@portal_option
@click.option(
    "--portal-process",
    type=click.Choice(["child", "external"]),
    default="child",
    show_default=True,
    envvar="SCHOOLGATE_PORTAL_PROCESS",
    show_envvar=True,
    help="external: the portal is a service of its own (`schoolgate portal`).",
)
@click.option(
    "--portal-url",
    envvar="SCHOOLGATE_PORTAL_URL",
    show_envvar=True,
    help="The portal's address as staff's browsers reach it. [default: from --portal]",
)
@click.option(
    "--upstream-ca",
    type=A_PATH,
    envvar="SCHOOLGATE_UPSTREAM_CA",
    show_envvar=True,
    help="A PEM file with further authorities to trust upstream, where another filter inspects.",
)
@click.option(
    "--record-limit",
    type=LimitType(),
    default=DEFAULT_LIMIT,
    show_default=True,
    envvar="SCHOOLGATE_RECORD_LIMIT",
    show_envvar=True,
    help="The most room that a record in --state may take, or none. Once it is full, restricted"
    " sites are refused, and nothing else.",
)
@forward_option
@head_options
@state_option
@record_option
@policy_option
def run(
    mode: str,
    workers: int,
    listen: Endpoint | None,
    listen_http: Endpoint,
    haproxy: str,
    portal: Endpoint,
    portal_process: str,
    portal_url: str | None,
    upstream_ca: Path | None,
    record_limit: str,
    forward_to: str | None,
    heads: Heads,
    state: Path,
    url: str | None,
    policy: Path,
) -> None:
    """Run the proxy and the portal until stopped, on an SQLite file unless --record says other."""
    state, policy = state.absolute(), policy.absolute()
    check_forwarding(forward_to, url)
    heads.check(state)
    listen = listen or (Endpoint("::", 8443) if mode == "gateway" else Endpoint("127.0.0.1", 8080))
    if portal in (listen, listen_http if mode == "gateway" else None):
        raise WrongUsage(
            f"The proxy and the portal cannot both listen on {portal}; give two ports."
        )
    if portal_url and not _WEB_ADDRESS.fullmatch(portal_url):
        raise WrongUsage(
            f"{portal_url!r} is not an address for --portal-url, such as http://gate.school.example:8081."
        )
    try:
        check_version(state, current_version())
        in_force = PolicyInForce(
            *(policy, lambda: datetime.now(UTC), lists_folder(state)),
            kept=KeptPolicy(state, policy),
        ).now
        school_policy = in_force.policy
        answers = open_unless_damaged(state, url)
        claim(state, current_version())
        ensure_authority(
            *(state / "authority", school_policy.school.name),
            *(wanted(school_policy, portal_url or f"http://{portal}"), datetime.now(UTC)),
        )
    except PolicyError as error:
        raise Sorry(f"The policy has faults, so nothing was started.\n{error}") from error
    except (RecordError, AuthorityError, NewerStateError) as error:
        raise Sorry(str(error)) from error
    if in_force.from_copy:
        click.echo(
            "The policy has faults, so the gate starts on the copy that it kept of the policy in"
            f" force since {in_force.since_in_words}. Put these right, and the new one is taken up"
            f" within seconds:\n{in_force.last_reload_error}",
            err=True,
        )
    # First: a port in use is most often that of a Schoolgate on the same folder.
    lock = hold(state)
    writer = Gateway.of(state)
    if url is None:
        begin_anew_where_needed(state)
    else:
        keep_others_away(url, writer, now=answers)
    hand_on(url, writer)
    front = None
    if mode == "transparent" and workers > 1:
        raise Sorry(
            "Several workers for redirected connections need HAProxy before them: --mode gateway."
        )
    if mode == "gateway" or workers > 1:
        front = front_of(state, mode, workers, listen, listen_http)
    ports = [("portal", "--portal", portal)] if portal_process == "child" else []
    if haproxy == "child" or front is None:
        ports.append(("proxy", "--listen", listen))
        if mode == "gateway":
            ports.append(("proxy", "--listen-http", listen_http))
    for what, option, endpoint in ports:
        check_free(what, option, endpoint)
    for number in range(workers if front else 0):
        check_free(f"worker {number}", "", worker_endpoint(number))
    if not portal_url and portal.host in ("0.0.0.0", "::"):  # noqa: S104 - nothing is bound here
        click.echo(
            f"Block pages link to http://{portal}, which no browser can reach: give the portal's"
            " address with --portal-url.",
            err=True,
        )
    portal_url = (portal_url or f"http://{portal}").rstrip("/")
    worker = [
        *module("addon.worker"),
        *("--state", str(state), "--policy", str(policy), "--portal-url", portal_url),
        *("--record-limit", record_limit),
    ]
    if upstream_ca:
        worker += ["--upstream-authorities", str(upstream_bundle(upstream_ca, state))]
    if signs_in_to_the_proxy(school_policy, mode):
        worker.append("--proxy-sign-in")
    note_whether_wanted(state, school_policy)
    watching = [*module("addon.identity.service"), "--state", str(state), "--policy", str(policy)]
    watcher = Child("watch over who is where", watching, wanted=identity_wanted(state))
    if front is None:
        at = ("--mode", mode, "--host", listen.host, "--port", str(listen.port))
        proxies = [Child("proxy", [*worker, *at])]
    else:
        own = haproxy == "child"
        prepare_front(front, school_policy, own=own)
        proxies = front_children(front, worker, state, policy, own=own)
    # The children have their own; a long list need not be held here too.
    del school_policy, in_force
    pages = portal_child(state, policy, listen, portal, portal_url, workers)
    children = [*proxies, *([pages] if portal_process == "child" else []), watcher]
    children += forwarding_children(state, forward_to, after=children)
    where = f"{listen} and {listen_http}" if mode == "gateway" else str(listen)
    supervisor = Supervisor(
        children,
        ready=f"Schoolgate is ready: proxy on {where} ({mode}), portal on {portal_url}/ ."
        " Stop it with Ctrl-C.",
        chores=[*chores(state, policy, in_file=url is None), *heads.chores(state, policy)],
    )
    status = asyncio.run(supervisor.run())
    if url is None:
        remember_the_end(state)
    os.close(lock)
    sys.exit(status)
