"""The catalogue finds a site by its hosts and its networks, and nothing else by either."""

from ipaddress import ip_network

import pytest

from rules.sites import Action, Catalogue, Endpoint, Site

BOOK = Site(
    "book",
    "Book",
    ("book.example", "bookcdn.net"),
    (ip_network("31.13.24.0/21"), ip_network("2a03:2880::/32")),
    endpoints=(
        Endpoint.parse(Action.POST, "POST /post"),
        Endpoint.parse(Action.UPLOAD, "POST upload.book.example/*"),
    ),
)
SHADOWED = Site(
    "shadowed",
    "Shadowed",
    ("shadowed.example",),
    endpoints=(
        Endpoint.parse(Action.POST, "POST /*"),
        Endpoint.parse(Action.REACT, "POST /like"),
    ),
)
INNER = Site("inner", "Inner", ("work.book.example",), (ip_network("31.13.25.0/24"),))
CATALOGUE = Catalogue([BOOK, INNER], {"book": ["listed.example"], "inner": ["book.example"]})


@pytest.mark.parametrize(
    ("host", "site"),
    [
        ("book.example", BOOK),
        ("www.book.example", BOOK),
        ("a.b.c.bookcdn.net", BOOK),
        ("work.book.example", INNER),
        ("eu.work.book.example", INNER),
        ("listed.example", BOOK),
        ("www.listed.example", BOOK),
        ("notbook.example", None),
        ("book.example.evil.net", None),
        ("example", None),
        ("localhost", None),
        ("31.13.24.7", BOOK),
        ("2a03:2880::1", BOOK),
        ("10.0.0.1", None),
        ("www-book-example.translate.goog", BOOK),
        ("book-example.cdn.ampproject.org", BOOK),
        ("www-bbc-co-uk.translate.goog", None),
        ("translate.goog", None),
    ],
)
def test_a_host_belongs_to_the_site_that_owns_it_or_a_name_above_it(
    host: str, site: Site | None
) -> None:
    assert CATALOGUE.site_of(host) is site


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("31.13.24.0", BOOK),
        ("31.13.31.255", BOOK),
        ("31.13.25.9", INNER),
        ("31.13.32.0", None),
        ("2a03:2880:ffff::", BOOK),
        ("64:ff9b::1f0d:1801", BOOK),  # 31.13.24.1 behind a translator
        ("64:ff9b::808:808", None),
        ("2a03:2881::", None),
        ("book.example", None),
    ],
)
def test_an_address_belongs_to_the_site_with_the_smallest_network_around_it(
    address: str, site: Site | None
) -> None:
    assert CATALOGUE.site_at(address) is site


def test_all_domains_of_some_sites_are_found_for_the_gateway() -> None:
    assert sorted(CATALOGUE.domains_of({"book"})) == [
        "book.example",
        "bookcdn.net",
        "listed.example",
    ]


def test_sites_are_found_by_their_names() -> None:
    assert len(CATALOGUE) == 2
    assert list(CATALOGUE) == [BOOK, INNER]
    assert CATALOGUE.sites["inner"] is INNER


@pytest.mark.parametrize(
    ("method", "host", "path", "action"),
    [
        ("POST", "www.book.example", "/post", Action.POST),
        ("GET", "www.book.example", "/post", Action.VIEW),
        ("POST", "upload.book.example", "/any/thing", Action.UPLOAD),
        ("POST", "www.book.example", "/%2fpost", Action.VIEW),
        ("POST", "www.book.example", None, Action.VIEW),
    ],
)
def test_a_request_is_the_action_of_the_endpoint_it_goes_to(
    method: str, host: str, path: str | None, action: Action
) -> None:
    assert BOOK.action(method, host, path) is action


@pytest.mark.parametrize("text", ["/post", "post /post", "P0ST /post", "POST"])
def test_an_endpoint_is_a_method_and_a_path(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not an endpoint; it reads like 'POST /path'"):
        Endpoint.parse(Action.POST, text)


@pytest.mark.parametrize(
    ("site", "action", "request_"),
    [
        (BOOK, Action.POST, ("POST", "www.book.example", "/post")),
        (BOOK, Action.UPLOAD, ("POST", "upload.book.example", "/x")),
        (BOOK, Action.REACT, None),
        (SHADOWED, Action.POST, ("POST", "www.book.example", "/x")),
        (SHADOWED, Action.REACT, None),  # the endpoint above it takes all of them
    ],
)
def test_a_request_that_does_a_thing_is_given_where_one_is_known(
    site: Site, action: Action, request_: tuple[str, str, str] | None
) -> None:
    assert site.request_for(action, "www.book.example") == request_
