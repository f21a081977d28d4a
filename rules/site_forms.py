"""The form of a site, in the shipped catalogue and among a school's own sites alike."""

# ruff: noqa: RUF009 - a field's default here is its declaration, as in any form of this kind

from dataclasses import dataclass, field
from datetime import date
from functools import partial

from rules import editor_patterns
from rules.faults import Spot
from rules.purpose_forms import DATE
from rules.readers import parse_domain, parse_network
from rules.reading import Placed
from rules.records import Record, optional, required
from rules.shapes import Kept, ListOf, MapOf, Name, Parsed, Text
from rules.sites import Action, Endpoint, Network


def _endpoints(action: Action, doc: str) -> tuple[Endpoint, ...]:
    shape = Parsed(partial(Endpoint.parse, action), "an endpoint", pattern=editor_patterns.ENDPOINT)
    return optional(ListOf(shape, "endpoints"), doc, ())


@dataclass(frozen=True, kw_only=True)
class EndpointsForm:
    """By action, the requests that are that action: `POST /path`, `POST host/path`."""

    post: tuple[Endpoint, ...] = _endpoints(Action.POST, "requests that post.")
    message: tuple[Endpoint, ...] = _endpoints(Action.MESSAGE, "requests that send a message.")
    upload: tuple[Endpoint, ...] = _endpoints(Action.UPLOAD, "requests that upload.")
    react: tuple[Endpoint, ...] = _endpoints(Action.REACT, "requests that like or vote.")
    search: tuple[Endpoint, ...] = _endpoints(Action.SEARCH, "requests that search.")
    sign_in: tuple[Endpoint, ...] = _endpoints(Action.SIGN_IN, "requests that sign in.")


@dataclass(frozen=True, kw_only=True)
class SiteForm:
    name: str = required(Text(), "the name people know it by.")
    domains: tuple[Placed[str], ...] = required(
        ListOf(Kept(Parsed(parse_domain, "a domain", pattern=editor_patterns.DOMAIN)), "domains"),
        "its domains, each with everything below it.",
    )
    categories: tuple[str, ...] = optional(
        ListOf(Name("category", refers=False), "categories"), "what kind of site it is.", ()
    )
    networks: tuple[Placed[Network], ...] = optional(
        ListOf(
            Kept(Parsed(parse_network, "a network", pattern=editor_patterns.NETWORK)), "networks"
        ),
        "its own networks, for apps that carry addresses.",
        (),
    )
    endpoints: EndpointsForm | None = optional(
        Record(EndpointsForm, "endpoints by action"),
        "which requests post, message and so on.",
        None,
    )
    source: str = optional(Text(most=500), "where the domains are from.", "")
    checked: date | None = optional(DATE, "the day somebody last checked them.", None)
    spot: Spot = field(default=Spot("", 0))
    unread: frozenset[str] = frozenset()


SITES = MapOf(Record(SiteForm, "a site"), "site", "sites")
