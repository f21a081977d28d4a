"""A path rule opens one corner of a site, however the way out of it is spelt."""

import pytest

from rules.paths import PathPattern, plain_path


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        ("/", "/"),
        ("/School", "/school"),
        ("/school/", "/school/"),
        ("/a//b/c", "/a/b/c"),
        ("/sch%6Fol", "/school"),
        ("/" + "a" * 300, "/" + "a" * 300),
        ("/sch%C3%B6n", "/schön"),
        ("/school.page", "/school.page"),
        ("/school;tab=1", "/school;tab=1"),
        ("/a/.well-known", "/a/.well-known"),
        ("*", None),
        ("", None),
        ("/school/../other", None),
        ("/school/%2e%2e/other", None),
        ("/school/.%2E/other", None),
        ("/school/./other", None),
        ("/school/..", None),
        ("/../..", None),
        ("/other/../school", None),
        ("/other//../school", None),
        ("/other///../../../school", None),
        ("/school/..;/other", None),
        ("/school/..;x=1/other", None),
        ("/school/%2e%2e%3b/other", None),
        ("/school/;/other", None),
        ("/school/..%20/other", None),
        ("/school/.../other", None),
        ("/school/%c0%ae%c0%ae/other", None),
        ("/school/\udcc0\udcae/other", None),
        ("/school/\uff0e\uff0e/other", None),
        ("/school/%ef%bc%8e%ef%bc%8e/other", None),
        ("/school/%e2%80%a5/other", None),
        ("/school/..%ef%bc%8fother", None),
        ("/school/..%ef%bc%bcother", None),
        ("/school%2e%2e%2fother", None),
        ("/school%2Fother", None),
        ("/school%5cother", None),
        ("/school\\other", None),
        ("/school%00", None),
        ("/%252e%252e/other", None),
    ],
)
def test_a_path_is_made_plain_or_not_used(path: str, plain: str | None) -> None:
    assert plain_path(path) == plain


@pytest.mark.parametrize(
    ("pattern", "host", "path", "matches"),
    [
        ("/school", "a.com", "/school", True),
        ("/school", "a.com", "/school/posts/1", True),
        ("/School/", "a.com", "/SCHOOL", True),
        ("/school", "a.com", "/schoolfriends", False),
        ("/school", "a.com", "/other/school", False),
        ("/", "a.com", "/anything", True),
        ("/school*", "a.com", "/schoolfriends", True),
        ("/*/school", "a.com", "/groups/school", True),
        ("/*/school", "a.com", "/groups/school/x", False),
        ("/a/*/b/*", "a.com", "/a/x/b/y", True),
        ("/a/*/b/*", "a.com", "/a/x/c/y", False),
        ("/a/*", "a.com", "/b/x", False),
        ("/aba*ba", "a.com", "/aba", False),
        ("b.com/*", "b.com", "/x", True),
        ("b.com/*", "c.b.com", "/x", True),
        ("B.com/*", "b.com", "/x", True),
        ("b.com/*", "ab.com", "/x", False),
    ],
)
def test_a_pattern_covers_its_own_corner(pattern: str, host: str, path: str, matches: bool) -> None:
    plain = plain_path(path)
    assert plain is not None
    assert PathPattern.parse(pattern).matches(host, plain) is matches


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("school", "'school' has no '/'; a path begins with one, as in '/our-school'."),
        ("/watch?v=1", "'/watch?v=1' has a query; the gate looks at the path only."),
        ("/a%2fb", "'/a%2fb' has characters that a path rule cannot use."),
    ],
)
def test_a_pattern_that_could_never_match_is_refused(pattern: str, message: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the message is compared whole
        PathPattern.parse(pattern)
    assert str(refused.value) == message


def test_a_pattern_with_many_stars_takes_no_longer_on_a_long_path() -> None:
    pattern = PathPattern.parse("/" + "a*" * 60 + "b")
    assert not pattern.matches("a.com", "/" + "a" * 60_000)
