"""A mirror of a social site counts as that site; a mirror of anything else does not."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from rules.mirrors import MIRRORS, mirrored_host, shows_others
from rules.policy import Outcome, Policy
from rules.request import WebRequest, request_for
from tests.support.pace import promised


@pytest.mark.parametrize(
    ("host", "target", "shown"),
    [
        ("www-facebook-com.translate.goog", "", "www.facebook.com"),
        ("my--school-example.translate.goog", "", "my-school.example"),
        ("facebook-com.cdn.ampproject.org", "/c/s/x", "facebook.com"),
        ("web.archive.org", "/web/20200101000000/https://www.facebook.com/x", "www.facebook.com"),
        ("web.archive.org", "/web/2020*/http:/facebook.com/", "facebook.com"),
        ("web.archive.org", "/web/2020id_/Facebook.com", "facebook.com"),
        ("archive.ph", "/newest/https://m.facebook.com/", "m.facebook.com"),
        (
            "webcache.googleusercontent.com",
            "/search?q=cache:aB3_x:facebook.com/x+y",
            "facebook.com",
        ),
        ("webcache.googleusercontent.com", "/search?q=cache:facebook.com", "facebook.com"),
        ("translate.google.com", "/translate?sl=auto&u=https%3A%2F%2Ffacebook.com", "facebook.com"),
        ("translate.google.com", "/translate?u=facebook.com/x", "facebook.com"),
        ("translate.google.de", "/translate?sl=en&u=https%3A%2F%2Ffacebook.com", "facebook.com"),
        ("translate.google.com.vn", "/translate?u=facebook.com/x", "facebook.com"),
        ("translate.yandex.ru", "/translate?url=https%3A%2F%2Fvk.com%2Fx&lang=ru-en", "vk.com"),
        ("www.translatetheweb.com", "/?from=&to=en&a=facebook.com/x", "facebook.com"),
        ("yandexwebcache.net", "/yandbtm?fmode=inject&url=https%3A//vk.com/x&la=1", "vk.com"),
        ("megalodon.jp", "/2017-0307-0400-10/twitter.com/x", "twitter.com"),
        ("megalodon.jp", "/2021-1214-1128-17/https://twitter.com:443/x", "twitter.com"),
        ("gyo.tc", "/https://twitter.com/x", "twitter.com"),
        ("12ft.io", "/https%253A%252F%252Ffacebook.com%252F", "facebook.com"),
        ("web.archive.org", "/web/2020/https://user@facebook.com/", "facebook.com"),
        (
            "web.archive.org",
            "/web/2020/https://web.archive.org/web/2019/https://facebook.com/",
            "facebook.com",
        ),
        ("web.archive.org", "/web/2020/https://facebook-com.translate.goog/", "facebook.com"),
        (
            "web.archive.org",
            "/web/1/https://archive.ph/1/https://12ft.io/https://r.jina.ai/https://x.com/",
            "r.jina.ai",  # three deep is as far as anybody goes
        ),
        ("translate.google.de", "/?sl=de&text=Siehe%20https://www.facebook.com/x&op=x", None),
        ("translate.google.com", "/?q=https%3A%2F%2Ffacebook.com&tl=en", None),
        ("translate.google.com", "/translate?text=a&u=facebook.com/x", "facebook.com"),
        ("translate.yandex.ru", "/?text=https%3A%2F%2Fvk.com%2Fx", None),
        ("web.archive.org", "/", None),
        ("web.archive.org", "/details/texts", None),
        ("web.archive.org", "/web/2020/https://a..b/", None),
        ("-.translate.goog", "", None),
        ("www.bbc.co.uk", "/news?u=https://facebook.com", None),
        ("facebook-com.translate.goog.example", "", None),
    ],
)
def test_a_mirror_is_seen_through(host: str, target: str, shown: str | None) -> None:
    assert mirrored_host(host, target) == shown


def test_only_mirrors_by_address_have_to_be_opened_to_be_judged() -> None:
    assert shows_others("web.archive.org")
    assert not shows_others("www-facebook-com.translate.goog")
    # A search engine is never looked into: what it shows of others is met under other names.
    for host in ("www.bbc.co.uk", "www.google.com", "google.com", "www.bing.com", "yandex.ru"):
        assert not shows_others(host)
        assert not any(f".{host}".endswith(f".{domain}") for domain in MIRRORS)


@pytest.mark.parametrize(
    ("url", "outcome"),
    [
        ("https://www-facebook-com.translate.goog/ash.larch", Outcome.NO_PURPOSE),
        ("https://www-facebook-com.translate.goog/school", Outcome.PURPOSE),  # the page, translated
        ("https://web.archive.org/web/2020/https://facebook.com/school", Outcome.NO_PURPOSE),
        ("https://translate.google.com/translate?u=tiktok.com", Outcome.NO_PURPOSE),
        ("https://web.archive.org/web/2020/https://www.bbc.co.uk/", Outcome.NOT_RESTRICTED),
        ("https://web.archive.org/", Outcome.NOT_RESTRICTED),
    ],
)
def test_a_mirror_is_judged_as_the_site_it_shows(
    load: Callable[..., Policy], policy: dict[str, Any], url: str, outcome: Outcome
) -> None:
    rules = load(policy)
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert rules.decide(request_for(url), rules.people["a.larch"], now).outcome is outcome


def test_an_archive_is_judged_by_its_path_where_that_is_all_there_is(
    load: Callable[..., Policy], policy: dict[str, Any]
) -> None:
    rules = load(policy)
    request = WebRequest("web.archive.org", path="/web/2020/https://facebook.com/")
    assert rules.sees_through("web.archive.org")
    assert not rules.decide(request, None, datetime(2026, 11, 23, 12, tzinfo=UTC)).allowed


def test_an_address_made_to_take_long_does_not() -> None:
    began = time.monotonic()
    mirrored_host("web.archive.org", "/" + "a." * 30_000 + ":" + "/a.b" * 10_000)
    assert time.monotonic() - began < promised(2)
