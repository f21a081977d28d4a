"""The shipped catalogue knows the social networks, and nothing that a school works with.

The host tables in `data/` are written apart from the catalogue, by hand, so that a slip in one
shows against the other.
"""

from datetime import date
from ipaddress import ip_address
from itertools import combinations
from pathlib import Path

import pytest

from rules.hosts import canonical_host
from rules.loading import SHIPPED_POLICY, load_policy
from rules.sites import Action, Catalogue

DATA = Path(__file__).parent / "data"

# A site has one of these, so that the school decides about each kind of site with one line.
CATEGORIES = {
    "social-networking",  # the policy's sense: profiles, friends or followers, posts
    "messaging",
    "video",
    "sharing",  # pictures and writing, and following those who make them
    "forums",
    "stranger-chat",
    "dating",
}


def rows(name: str) -> list[list[str]]:
    """The words of each line of a table that is neither empty nor a comment."""
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [line.split() for line in lines if line.strip() and not line.startswith("#")]


RECOGNISED = [(host, site) for host, site in rows("recognised_hosts.txt")]
UNCLAIMED = [host for (host,) in rows("unclaimed_hosts.txt")]
SHARED = [host for (host,) in rows("shared_hosts.txt")]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_policy(SHIPPED_POLICY).catalogue


def test_every_host_of_the_table_is_recognised(catalogue: Catalogue) -> None:
    found = {host: getattr(catalogue.site_of(host), "id", None) for host, _ in RECOGNISED}
    assert found == dict(RECOGNISED)


def test_every_site_has_a_host_in_the_table(catalogue: Catalogue) -> None:
    assert {site.id for site in catalogue} == {site for _, site in RECOGNISED}


def test_no_host_that_a_school_needs_or_that_only_looks_alike_is_recognised(
    catalogue: Catalogue,
) -> None:
    claimed = {host: site.id for host in UNCLAIMED if (site := catalogue.site_of(host))}
    assert claimed == {}


def test_the_tables_are_long_enough_and_say_nothing_twice() -> None:
    assert len(RECOGNISED) >= 400
    assert len(UNCLAIMED) >= 350
    hosts = [host for host, _ in RECOGNISED] + UNCLAIMED
    assert len(set(hosts)) == len(hosts)
    assert [host for host in hosts if canonical_host(host) != host] == []


def test_there_are_at_least_two_hundred_sites_each_in_one_category_with_a_source(
    catalogue: Catalogue,
) -> None:
    assert len(catalogue) >= 200
    for site in catalogue:
        assert len(site.categories & CATEGORIES) == len(site.categories) == 1, site.id
        assert site.source, site.id
        looked_up = "general knowledge" not in site.source.partition("endpoints:")[0]
        assert (site.checked is not None) is looked_up, site.id
        assert site.checked is None or date(2026, 11, 1) <= site.checked, site.id


def test_no_domain_stands_below_another_of_the_same_site(catalogue: Catalogue) -> None:
    for site in catalogue:
        for one, other in combinations(site.domains, 2):
            assert not one.endswith("." + other), (site.id, one)
            assert not other.endswith("." + one), (site.id, other)


@pytest.mark.parametrize("host", SHARED)
def test_what_everybody_shares_is_never_claimed_whole(catalogue: Catalogue, host: str) -> None:
    assert catalogue.site_of(host) is None
    assert catalogue.site_of(f"somebody-else.{host}") is None


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("157.240.221.35", "facebook"),
        ("31.13.72.36", "facebook"),
        ("57.144.150.1", "facebook"),
        ("2a03:2880:f12f:83:face:b00c:0:25de", "facebook"),
        ("149.154.167.51", "telegram"),
        ("91.108.56.130", "telegram"),
        ("2001:67c:4e8:f002::a", "telegram"),
        ("8.8.8.8", None),  # Google
        ("142.250.187.206", None),  # Google, YouTube among it
        ("1.1.1.1", None),  # Cloudflare
        ("104.16.132.229", None),
        ("151.101.1.140", None),  # Fastly
        ("23.45.67.89", None),  # Akamai
        ("13.107.42.14", None),  # Microsoft
        ("20.190.160.1", None),
        ("52.95.116.115", None),  # Amazon
        ("212.58.233.252", None),  # BBC
        ("192.168.1.1", None),
        ("127.0.0.1", None),
        ("::1", None),
    ],
)
def test_addresses(catalogue: Catalogue, address: str, site: str | None) -> None:
    assert getattr(catalogue.site_at(address), "id", None) == site


def test_networks_are_public_and_no_wider_than_a_company_holds(catalogue: Catalogue) -> None:
    for site in catalogue:
        for network in site.networks:
            assert network.is_global, (site.id, network)
            assert network.prefixlen >= (14 if network.version == 4 else 32), (site.id, network)
            assert catalogue.site_at(str(ip_address(int(network.network_address)))) is site


@pytest.mark.parametrize(
    ("request_line", "action"),
    [
        ("GET www.facebook.com/BarninghamSchool", Action.VIEW),
        ("POST www.facebook.com/api/graphql/", Action.VIEW),  # reading uses it too
        ("POST mbasic.facebook.com/composer/mbasic/", Action.POST),
        ("POST graph.facebook.com/v19.0/1234/feed", Action.POST),
        ("GET graph.facebook.com/v19.0/1234/feed", Action.VIEW),
        ("POST rupload.facebook.com/fb_video/1234", Action.UPLOAD),
        ("GET www.facebook.com/search/top", Action.SEARCH),
        ("POST www.facebook.com/login/device-based/regular/login/", Action.SIGN_IN),
        ("POST www.instagram.com/api/v1/web/comments/1234/add/", Action.POST),
        ("POST www.instagram.com/api/v1/web/likes/1234/like/", Action.REACT),
        ("POST www.instagram.com/api/v1/media/configure/", Action.POST),
        ("POST www.threads.com/api/v1/media/configure_text_only_post/", Action.POST),
        ("POST www.threads.com/api/v1/web/threads/like/", Action.REACT),
        ("POST www.threads.net/api/v1/web/accounts/login/ajax/", Action.SIGN_IN),
        ("GET www.threads.com/api/v1/users/search/", Action.SEARCH),
        ("POST x.com/i/api/graphql/aB3dE5-fG7/CreateTweet", Action.POST),
        ("POST x.com/i/api/graphql/aB3dE5-fG7/FavoriteTweet", Action.REACT),
        ("GET x.com/i/api/graphql/aB3dE5-fG7/SearchTimeline", Action.SEARCH),
        ("GET x.com/i/api/graphql/aB3dE5-fG7/HomeTimeline", Action.VIEW),
        ("POST x.com/i/api/1.1/dm/new2.json", Action.MESSAGE),
        ("POST upload.x.com/i/media/upload.json", Action.UPLOAD),
        ("POST www.tiktok.com/api/comment/publish/", Action.POST),
        ("POST www.tiktok.com/api/commit/item/digg/", Action.REACT),
        ("POST web.snapchat.com/messagingcoreservice.MessagingCoreService/x", Action.MESSAGE),
        (
            "POST www.linkedin.com/voyager/api/voyagerMessagingDashMessengerMessages",
            Action.MESSAGE,
        ),
        ("GET www.linkedin.com/search/results/all/", Action.SEARCH),
        ("POST www.pinterest.co.uk/resource/RepinResource/create/", Action.POST),
        ("GET www.pinterest.co.uk/search/pins/", Action.SEARCH),
        ("POST www.reddit.com/api/submit", Action.POST),
        ("POST oauth.reddit.com/api/comment", Action.POST),
        ("POST www.reddit.com/api/vote", Action.REACT),
        ("POST www.tumblr.com/api/v2/blog/staff/posts", Action.POST),
        ("POST www.tumblr.com/api/v2/media/image", Action.UPLOAD),
        ("POST bsky.social/xrpc/com.atproto.repo.createRecord", Action.POST),
        ("GET public.api.bsky.app/xrpc/app.bsky.feed.getTimeline", Action.VIEW),
        ("POST www.youtube.com/youtubei/v1/comment/create_comment", Action.POST),
        ("POST www.youtube.com/youtubei/v1/like/like", Action.REACT),
        ("POST www.youtube.com/youtubei/v1/next", Action.VIEW),
        ("GET www.youtube.com/results", Action.SEARCH),
        ("POST discord.com/api/v9/channels/1234/messages", Action.MESSAGE),
        ("POST discord.com/api/v9/channels/1234/typing", Action.VIEW),
        ("POST mastodon.social/api/v1/statuses", Action.POST),
        ("POST mastodon.social/api/v1/statuses/1234/favourite", Action.REACT),
        ("GET mastodon.social/api/v1/timelines/home", Action.VIEW),
        ("POST lemmy.world/api/v3/post", Action.POST),
        ("POST lemmy.world/api/v3/post/like", Action.REACT),
    ],
)
def test_what_a_request_does(catalogue: Catalogue, request_line: str, action: Action) -> None:
    method, _, address = request_line.partition(" ")
    host, slash, path = address.partition("/")
    site = catalogue.site_of(host)
    assert site is not None
    assert site.action(method, host, slash + path) is action


# What the catalogue can tell apart on each of the best-known sites. What is not named here counts
# as viewing, so a purpose that asks for it never opens anything; `schoolgate check` says so.
TOLD_APART = {
    "facebook": "message post react search sign-in upload",
    "instagram": "message post react search sign-in upload",
    "threads": "post react search sign-in upload",
    "x": "message post react search sign-in upload",
    "tiktok": "message post react search sign-in upload",
    "snapchat": "message sign-in",
    "linkedin": "message post react search sign-in upload",
    "pinterest": "message post react search sign-in upload",
    "reddit": "message post react search sign-in upload",
    "tumblr": "message post react search sign-in upload",
    "youtube": "message post react search sign-in upload",
    "bluesky": "message post search sign-in upload",
    "discord": "message react search sign-in upload",
    "mastodon": "post react search sign-in upload",
}


def test_the_best_known_sites_tell_these_actions_apart(catalogue: Catalogue) -> None:
    found = {
        site_id: " ".join(sorted({e.action for e in catalogue.sites[site_id].endpoints}))
        for site_id in TOLD_APART
    }
    assert found == TOLD_APART
