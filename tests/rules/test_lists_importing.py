"""A list takes effect only if it is sound, and whatever happens one whole copy is in force."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from rules.lists.bundles import Recipe
from rules.lists.entries import Entry, Kind, ListError
from rules.lists.formats import Format
from rules.lists.importing import Draft, take_in
from rules.lists.keeping import (
    is_whole,
    kept_line,
    kept_order,
    parse_kept,
    read_about,
    read_kept,
    write_entries,
)
from rules.lists.sanity import is_suffix
from rules.lists.sources import Source
from rules.loading import load_policy
from tests.rules.policies import SITES, small_policy

NOW = datetime(2026, 9, 1, 9, 0, tzinfo=UTC)
ESSENTIALS = frozenset({"school.example", "bank.example"})


class Folder:
    """A folder for one list, and a file to take it from."""

    def __init__(self, root: Path) -> None:
        self.path, self.file = root / "trees", root / "list"
        self.path.mkdir()

    def draft(self, text: str, **options: object) -> Draft:
        left_out = options.pop("left_out", ())
        recipe = options.pop("recipe", Recipe())
        origin = str(options.pop("origin", self.file))
        self.file.write_text(text, encoding="utf-8")
        source = Source("trees", origin, recipe, left_out, None)  # type: ignore[arg-type]
        work = self.path / "work"
        for old in work.glob("*"):
            old.unlink()
        work.mkdir(exist_ok=True)
        return take_in(source, self.file, self.path, NOW, ESSENTIALS, lambda _: None, **options)  # type: ignore[arg-type]

    def keep(self, text: str, **options: object) -> Path:
        return self.draft(text, **options).put_in_force(self.path)

    def lines(self) -> list[str]:
        return (self.path / "kept").read_text(encoding="utf-8").split("\n")[1:-1]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


LIST = "full:www.larch.example\nlarch.example\noak.example\nfull:a.elm.example\nregexp:^b\\d$\n"


def test_a_kept_list_is_sorted_and_says_where_it_is_from(folder: Folder) -> None:
    kept = read_kept(folder.keep(LIST))
    assert folder.lines() == ["=a.elm.example", "larch.example", "oak.example", r"~^b\d$"]
    assert kept.domains == ("larch.example", "oak.example")
    assert kept.hosts == ("a.elm.example",)
    assert kept.patterns == (r"^b\d$",)
    about = read_about(folder.path / "kept")
    assert about == kept.about
    assert (about.name, about.format, about.taken) == (
        "trees",
        "v2fly",
        "2026-09-01T09:00:00+00:00",
    )
    assert about.entries == {"host": 1, "domain": 2, "pattern": 1}
    assert about.source_bytes == len(LIST)
    assert len(about.source_sha256) == len(about.sha256) == 64


def test_paths_are_kept_too(folder: Folder) -> None:
    kept = read_kept(folder.keep("larch.example/wood\noak.example\n"))
    assert (kept.urls, kept.domains) == (("larch.example/wood",), ("oak.example",))


def test_networks_are_kept_too(folder: Folder) -> None:
    kept = read_kept(
        folder.keep(
            "oak.example\n31.13.24.0/21\n31.13.24.7/21\n31.13.24.7/99\n10.0.0.0/8\n2a03:2880::/32\n31.0.0.0/12\n"
        )
    )
    assert kept.networks == ("2a03:2880::/32", "31.13.24.0/21")
    assert (kept.domains, kept.urls) == (("oak.example",), ("31.13.24.7/99",))
    assert kept.about.skipped == {
        "a name or an address of the machine or network itself": 1,
        "too large a part of the internet to be one site's": 1,
    }
    assert "@2a03:2880::/32" in kept_order(folder.path / "kept")


def test_a_list_of_names_alone_is_read_as_such(folder: Folder) -> None:
    assert read_kept(folder.keep("b.example\na.example\n")).domains == ("a.example", "b.example")


@pytest.mark.parametrize(
    "entry",
    [
        Entry(Kind.DOMAIN, "a.example"),
        Entry(Kind.HOST, "a.example"),
        Entry(Kind.URL, "a.example/b"),
        Entry(Kind.PATTERN, "a/b"),
    ],
)
def test_a_kept_line_is_its_entry(entry: Entry) -> None:
    assert parse_kept(kept_line(entry)) == entry


def test_the_list_before_stays_beside_the_new_one(folder: Folder) -> None:
    for text in (
        "a.example\nb.example\nc.example\n",
        "a.example\nb.example\n",
        "a.example\nb.example\n",
    ):
        folder.keep(text)
    previous = read_kept(folder.path / "previous")
    assert previous.domains == ("a.example", "b.example")


def test_a_list_that_was_cut_short_on_disk_is_noticed(folder: Folder) -> None:
    path = folder.keep(LIST)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ListError, match="is not whole: its entries do not fit its checksum"):
        read_kept(path)


@pytest.mark.parametrize("data", [b"", b"larch.example\n", b"# []\n", b"# {}\n", b"# {\n"])
def test_a_file_of_others_is_not_taken_for_a_kept_list(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "kept"
    path.write_bytes(data)
    for read in (read_kept, read_about):
        with pytest.raises(ListError, match="is not a list that was kept by this program"):
            read(path)


@pytest.mark.parametrize("read", [read_kept, read_about, lambda path: list(kept_order(path))])
def test_a_list_that_cannot_be_read_says_so(tmp_path: Path, read: Callable[[Path], object]) -> None:
    with pytest.raises(ListError, match=r"There is no list at .*; import it first|cannot be read"):
        read(tmp_path / "kept")
    with pytest.raises(ListError, match="cannot be read: "):
        read(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gov.uk", "'gov.uk' (part of gov.uk, which stays open)"),
        ("tax.service.gov.uk", "'tax.service.gov.uk' (part of gov.uk, which stays open)"),
        ("a-school.durham.sch.uk", "(part of sch.uk, which stays open)"),
        ("0.0.0.0 www.nhs.uk", "'=www.nhs.uk' (part of nhs.uk, which stays open)"),
        (
            "www.school.example/a",
            "'www.school.example/a' (part of school.example, which stays open)",
        ),
        ("uk\na.example\nb.example", "'uk' (anyone may register names below it)"),
        ("co.uk", "'co.uk' (anyone may register names below it)"),
        ("github.io", "'github.io' (anyone may register names below it)"),
        ("a.ck", "'a.ck' (anyone may register names below it)"),
        (
            "fastly.net",
            "'fastly.net' (fastly.net is below it or the same, and everybody uses it)",
        ),
        ("0.0.0.0 google.com", "'=google.com' (everybody uses it)"),
        ("keyword:cloudfront", "'~cloudfront' (a pattern that covers cloudfront.net)"),
        ("regexp:.*", "'~.*' (a pattern that covers bank.example)"),
        ("regexp:^www\\..*\\.uk$", "(a pattern that covers www.gov.uk)"),
    ],
)
def test_a_list_that_would_do_harm_is_refused(folder: Folder, text: str, message: str) -> None:
    folder.keep("larch.example\n", origin="elsewhere")
    before = (folder.path / "kept").read_bytes()
    with pytest.raises(ListError) as caught:
        folder.keep(f"{text}\n")
    assert str(caught.value).startswith(
        "trees is refused, for it would restrict what must stay open: "
    )
    assert message in str(caught.value)
    assert str(caught.value).endswith("leave these out with --without.")
    assert (folder.path / "kept").read_bytes() == before


def test_of_many_harmful_entries_a_few_are_shown(folder: Folder) -> None:
    text = "".join(f"council{n}.gov.uk\n" for n in range(9))
    with pytest.raises(ListError, match=r"stays open\) and 4 more\. If the rest is good"):
        folder.keep(text)


@pytest.mark.parametrize(
    "text",
    [
        "x.cloudfront.net",
        "notgov.uk",
        "gov.uk.example",
        "www.ck",
        "0.0.0.0 blogspot.com",
        "google.com/larch",
        "regexp:^larch[0-9]+\\.",
    ],
)
def test_what_only_looks_like_harm_is_kept(folder: Folder, text: str) -> None:
    assert folder.keep(text + "\n").exists()


def test_what_is_left_out_on_purpose_does_no_harm(folder: Folder) -> None:
    text = "gov.uk\nwww.gov.uk\nlarch.example\nkeyword:gov\na.larch.example\n"
    draft = folder.draft(text, left_out=("gov.uk", "~gov"))
    assert draft.left_out == 2  # www.gov.uk is covered by gov.uk already
    draft.put_in_force(folder.path)
    assert folder.lines() == ["larch.example"]


def test_the_lists_own_exceptions_are_left_out(folder: Folder) -> None:
    folder.keep("||larch.example^\n||www.oak.example^\n||elm.example^\n@@||oak.example^\n")
    assert folder.lines() == ["elm.example", "larch.example"]


NAMES = [f"tree{n}.example" for n in range(9)]


@pytest.mark.parametrize(("kept", "accepted"), [(9, True), (6, True), (5, False), (1, False)])
def test_a_list_may_lose_a_third_and_no_more(folder: Folder, kept: int, accepted: bool) -> None:
    folder.keep("\n".join(NAMES))
    before = (folder.path / "kept").read_bytes()
    if accepted:
        folder.keep("\n".join(NAMES[:kept]))
        assert folder.lines() == NAMES[:kept]
    else:
        lost = 9 - kept
        message = (
            f"trees is refused, for {lost} of the 9 entries it had are gone, which is more than"
        )
        with pytest.raises(ListError, match=message):
            folder.keep("\n".join(NAMES[:kept]) + "\nnew.example" * 20)
        assert (folder.path / "kept").read_bytes() == before
        folder.keep("\n".join(NAMES[:kept]), accept_loss=True)
        assert folder.lines() == NAMES[:kept]


def test_names_that_a_wider_name_covers_are_not_lost(folder: Folder) -> None:
    folder.keep("\n".join(f"{n}.larch.example" for n in "abcdef"))
    folder.keep("larch.example\n")
    assert folder.lines() == ["larch.example"]


def test_another_source_may_be_another_list(folder: Folder) -> None:
    folder.keep("\n".join(NAMES))
    folder.keep("larch.example\n", origin="another")
    assert folder.lines() == ["larch.example"]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (
            "larch.example\nlarch tree\noak tree\n",
            {"recipe": Recipe(Format.DOMAINS)},
            "trees is refused, for 2 of its 3 lines are not what a list in the format 'domains' "
            "has; the first is ",
        ),
        (
            "##.ad\n!\n||x.example^$third-party\n",
            {},
            "trees is refused, for there is no name in it.",
        ),
        (
            "larch.example",
            {"left_out": ("example",)},
            "trees is refused, for nothing is left of it.",
        ),
    ],
)
def test_a_list_of_nothing_is_refused(
    folder: Folder, text: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(ListError) as caught:
        folder.keep(text, **options)
    assert str(caught.value).startswith(message)


def test_a_disk_that_cannot_be_written_says_so(folder: Folder) -> None:
    draft = folder.draft("larch.example\n")
    (folder.path / "work" / "new").mkdir()
    with pytest.raises(ListError, match=r"^trees cannot be kept: Is a directory\.$"):
        draft.put_in_force(folder.path)
    (folder.path / "work" / "new").rmdir()
    source = Source("trees", "x", Recipe(), (), None)
    with pytest.raises(ListError, match=r"^trees cannot be kept: No such file or directory\.$"):
        take_in(source, folder.file, folder.path / "gone", NOW, ESSENTIALS, lambda _: None)


def test_public_suffixes_are_those_of_the_bundled_list() -> None:
    shared = ("uk", "co.uk", "xn--p1ai", "blogspot.com", "x.ck", "x.kawasaki.jp")
    assert all(map(is_suffix, shared))
    assert not any(map(is_suffix, ("bbc.co.uk", "www.ck", "city.kawasaki.jp", "example.com")))
    assert not is_suffix("discordsays.com"), "all below it is Discord's own"


def test_the_header_is_a_line_of_json(folder: Folder) -> None:
    with folder.keep("larch.example\n").open(encoding="utf-8") as file:
        assert json.loads(file.readline()[2:])["name"] == "trees"


def test_entries_are_counted_as_they_are_written(tmp_path: Path) -> None:
    written = write_entries(["example\0larch", "example\0oak\0="], tmp_path, lambda _: True)
    assert dict(written.entries) == {Kind.DOMAIN: 1, Kind.HOST: 1}
    assert written.path.read_bytes() == b"larch.example\n=oak.example\n"
    assert written.names.read_bytes() == b"larch.example\noak.example\n"


def test_the_policy_reads_the_names_alone(folder: Folder) -> None:
    folder.keep(
        "larch.example\nfull:www.oak.example\nfull:blogspot.com\nfull:fastly.net.example\n"
        "192.0.2.1\n2001:db8::1\nregexp:^l[0-9]$\nfull:example\n"
    )
    names = folder.path.parent / "trees.txt"
    assert names.read_text(encoding="utf-8").split() == [
        "larch.example",
        "fastly.net.example",
        "www.oak.example",
    ]
    more = folder.path.parent / "trees.more"
    assert more.read_text(encoding="utf-8").split() == ["=192.0.2.1", "=2001:db8::1"]
    assert read_about(folder.path / "kept").alone == 2
    assert is_whole(folder.path)
    more.write_text("", encoding="utf-8")
    assert not is_whole(folder.path)
    folder.keep("larch.example\noak.example/wood\ngoogle.com/wood\n", accept_loss=True)
    assert more.read_text(encoding="utf-8").split() == ["oak.example/wood"]
    assert read_about(folder.path / "kept").alone == 1
    names.write_text("oak.example\n", encoding="utf-8")
    assert not is_whole(folder.path)
    names.unlink()
    assert not is_whole(folder.path)


def test_the_policy_opens_and_restricts_what_is_on_a_list(folder: Folder) -> None:
    folder.keep("full:www.oak.example\nlarch.example\n")
    policy = small_policy()
    policy["lists"] = {"trees": {"name": "A tree site", "categories": ["social-networking"]}}
    path = folder.path.parent / "policy.yaml"
    path.write_text(yaml.safe_dump(policy), encoding="utf-8")
    loaded = load_policy(path, SITES, folder.path.parent)
    found = [
        loaded.restricted_site(host)
        for host in ("a.larch.example", "www.oak.example", "elm.example")
    ]
    assert [site.id if site else None for site in found] == ["trees", "trees", None]
