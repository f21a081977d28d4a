"""The file that says where lists are, and how often to look."""

from datetime import timedelta
from pathlib import Path

import pytest

from rules.faults import PolicyError
from rules.lists.bundles import Recipe
from rules.lists.formats import Format
from rules.lists.sources import Source, load_sources, parse_every, parse_name, parse_origin

GOOD = """
social-networks:
  where: https://lists.example.org/social_networks.tar.gz
  format: squidguard
  part: social_networks
  every: 1d
  without: [larch.example, ~oak]
own:
  where: our-list.csv
  column: site
  part: [a, b]
"""


def test_sources_are_read_with_their_recipes(tmp_path: Path) -> None:
    path = tmp_path / "sources.yaml"
    path.write_text(GOOD, encoding="utf-8")
    sources = load_sources(path)
    assert sources["social-networks"] == Source(
        "social-networks",
        "https://lists.example.org/social_networks.tar.gz",
        Recipe(Format.SQUIDGUARD, ("social_networks",)),
        ("larch.example", "~oak"),
        timedelta(days=1),
    )
    own = sources["own"]
    assert own == Source(
        "own", str(tmp_path / "our-list.csv"), Recipe(None, ("a", "b"), "site"), (), None
    )
    assert (sources["social-networks"].is_address, own.is_address) == (True, False)
    assert len({sources["social-networks"].mark, own.mark}) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a:\n  where: x\n  evry: 1d\n",
            "sources.yaml:3: a.evry: There is no entry 'evry' here. Did you mean 'every'?",
        ),
        ("a:\n  every: 1d\n", "sources.yaml:1: a: 'where' is missing. Add 'where:', where it is."),
        (
            "a:\n  where: x\n  every: often\n",
            "sources.yaml:3: a.every: 'often' is not how often; write it like '6h', '1d' or '2w'.",
        ),
        (
            "a:\n  where: ftp://x.example/l\n",
            "sources.yaml:2: a.where: 'ftp://x.example/l' is not an address; write it like "
            "'https://example.org/list'.",
        ),
        (
            "a:\n  where: https://me:word@x.example/l\n",
            "sources.yaml:2: a.where: An address with a password in it would be on record; leave "
            "it out.",
        ),
        (
            "A b:\n  where: x\n",
            "sources.yaml:1: A b: 'A b' cannot be a name here. Use small letters, ",
        ),
        (
            "- a\n",
            "sources.yaml:1: This should be lists by name. Write 'name:' and indent below it.",
        ),
        ("a: [\n", "sources.yaml:2: This is not YAML: "),
    ],
)
def test_a_faulty_file_says_what_and_where(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "sources.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PolicyError) as caught:
        load_sources(path)
    assert str(caught.value).startswith(message)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        load_sources(tmp_path / "sources.yaml")
    assert str(caught.value) == "sources.yaml: The file cannot be read: No such file or directory."


@pytest.mark.parametrize(("text", "hours"), [("6h", 6), ("1d", 24), ("2 w", 336), (" 1d ", 24)])
def test_how_often_is_written_in_hours_days_and_weeks(text: str, hours: int) -> None:
    assert parse_every(text) == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["0d", "1", "d", "-1d", "1m", "1000h", "١d"])
def test_how_often_is_not_written_otherwise(text: str) -> None:
    with pytest.raises(ValueError, match="is not how often"):
        parse_every(text)


@pytest.mark.parametrize(
    "text", ["https://[::1/x", "https:///x", "https://a:99999/", "http://a b/"]
)
def test_an_address_is_one_that_can_be_fetched(text: str) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        parse_origin(text)


@pytest.mark.parametrize("text", ["", "..", "a/b", "A", "a" * 61, ".a"])
def test_a_name_leads_to_no_other_folder(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a list"):
        parse_name(text)
    assert parse_name("ut1.social-2") == "ut1.social-2"
