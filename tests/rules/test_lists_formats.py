"""Each format gives the entries that it says, and says why it gives no others."""

import pytest

from rules.lists.entries import Entry, Kind, ListError, Skipped, Tally, Why, addressed
from rules.lists.formats import Format, read_file, tell_format
from rules.lists.name_lists import read_expressions
from rules.lists.texts import Lines

D, H, U, P, X = Kind.DOMAIN, Kind.HOST, Kind.URL, Kind.PATTERN, Kind.EXCEPTION

DOMAINS = [
    ("larch.example", (D, "larch.example")),
    ("  Larch.Example  # a tree", (D, "larch.example")),
    (".larch.example", (D, "larch.example")),
    ("*.larch.example", (D, "larch.example")),
    ("larch.example.", (D, "larch.example")),
    ("bücher.example", (D, "xn--bcher-kva.example")),
    ("198.51.100.7", (H, "198.51.100.7")),
    ("2001:db8::F", (H, "2001:db8::f")),
    ("https://larch.example/", (D, "larch.example")),
    ("larch.example/wood", (U, "larch.example/wood")),
    ("localhost", Why.LOCAL),
    ("larch tree.example", Why.NO_NAME),
    ("larch..example", Why.NO_NAME),
    ("ftp://larch.example/x", Why.NO_NAME),
    ("# only a comment", None),
    ("", None),
]
URLS = [
    ("larch.example/wood/", (U, "larch.example/wood")),
    ("http://larch.example:8080/Wood%20Land", Why.NO_PATH),
    ("http://larch.example:8080/Wood", (U, "larch.example/wood")),
    ("larch.example/wood/../fire", Why.NO_PATH),
    ("larch.example/a%2fb", Why.NO_PATH),
    ("larch.example/watch?v=1", Why.QUERY),
    ("larch.example/.", Why.NO_PATH),
    ("larch.example", (D, "larch.example")),
    ("[2001:db8::1]:80/wood", (U, "2001:db8::1/wood")),
    ("2001:db8::1", (H, "2001:db8::1")),
    ("larch.example:x/wood", Why.NO_NAME),
]
HOSTS = [
    ("0.0.0.0 larch.example", (H, "larch.example")),
    ("127.0.0.1\tlarch.example www.larch.example # trees", (H, "larch.example")),
    ("::1 larch.example", (H, "larch.example")),
    ("fe80::1%lo0 localhost", Why.LOCAL),
    ("127.0.0.1 localhost.localdomain", Why.LOCAL),
    ("255.255.255.255 broadcasthost", Why.ADDRESSED),
    ("ff02::1 ip6-allnodes", Why.LOCAL),
    ("0.0.0.0 0.0.0.0", Why.LOCAL),
    ("0.0.0.0 printer", Why.LOCAL),
    ("198.51.100.7 larch.example", Why.ADDRESSED),
    ("0.0.0.0 larch_example..x", Why.NO_NAME),
    ("larch.example", Why.LINE),
    ("0.0.0.0", Why.LINE),
]
ADBLOCK = [
    ("[Adblock Plus 2.0]", None),
    ("! Title: trees", None),
    ("# a comment", None),
    ("#", None),
    ("#comment", None),
    ("||larch.example^", (D, "larch.example")),
    ("||*.larch.example^", (D, "larch.example")),
    ("||larch.example^$important", (D, "larch.example")),
    ("||larch.example^$all, popup", (D, "larch.example")),
    ("||larch.example", (D, "larch.example")),
    ("||larch.example^|", (D, "larch.example")),
    ("||larch.example/wood^", (U, "larch.example/wood")),
    ("||larch.example^$third-party", Why.PARTIAL),
    ("||larch.example^$dnstype=AAAA", Why.PARTIAL),
    ("@@||good.larch.example^", (X, "good.larch.example")),
    ("@@||good.larch.example^$important", (X, "good.larch.example")),
    ("@@||larch.example/wood", Why.PARTIAL),
    ("@@||larch.example^$domain=oak.example", Why.PARTIAL),
    ("larch.example##.banner", Why.COSMETIC),
    ("##.banner", Why.COSMETIC),
    ("larch.example#@#.banner", Why.COSMETIC),
    ("larch.example#?#.banner", Why.COSMETIC),
    ("larch.example#$#body {}", Why.COSMETIC),
    ("larch.example#%#//scriptlet('x')", Why.COSMETIC),
    ("larch.example$$script", Why.COSMETIC),
    (r"/^ads?\d+\.larch\.example$/", (P, r"^ads?\d+\.larch\.example$")),
    (r"/^ads[0-9]+$/$important", (P, "^ads[0-9]+$")),
    ("/banner/img", Why.PARTIAL),
    ("/(a+)\\1/", Why.PATTERN),
    ("/^(?=larch)/", Why.PATTERN),
    ("|https://larch.example^", Why.PARTIAL),
    ("-banner-*.gif", Why.PARTIAL),
    ("0.0.0.0 larch.example", (H, "larch.example")),
    ("larch.example", (H, "larch.example")),
    ("larch tree", Why.NO_NAME),
]
DNSMASQ = [
    ("address=/larch.example/0.0.0.0", (D, "larch.example")),
    ("address=/larch.example/oak.example/", (D, "larch.example")),
    ("server=/larch.example/", (D, "larch.example")),
    ("server=/.larch.example/192.0.2.53", (D, "larch.example")),
    ("--local=/*.larch.example/", (D, "larch.example")),
    ("ipset=/larch.example/trees,woods", (D, "larch.example")),
    ("nftset=/larch.example/4#inet#gate#trees", (D, "larch.example")),
    ("server=/good.larch.example/#", (X, "good.larch.example")),
    ("address=/#/0.0.0.0", Why.OPTION),
    ("server=//192.0.2.53", Why.LOCAL),
    ("address=/larch", Why.LINE),
    ("server=192.0.2.53", Why.OPTION),
    ("no-resolv", Why.OPTION),
    ("larch and oak", Why.LINE),
    ("# a comment", None),
]


@pytest.mark.parametrize(
    ("format_", "line", "expected"),
    [
        (format_, line, expected)
        for format_, table in (
            (Format.DOMAINS, DOMAINS),
            (Format.SQUIDGUARD, DOMAINS),
            (Format.URLS, URLS),
            (Format.HOSTS, HOSTS),
            (Format.ADBLOCK, ADBLOCK),
            (Format.DNSMASQ, DNSMASQ),
        )
        for line, expected in table
    ],
)
def test_a_line_means_what_its_format_says(
    format_: Format, line: str, expected: tuple[Kind, str] | Why | None
) -> None:
    found = list(read_file(Lines.of_bytes(f"\n{line}\r\n".encode(), "list"), format_))
    if expected is None:
        assert found == []
    elif isinstance(expected, Why):
        assert [(one.why, one.line) for one in found if isinstance(one, Skipped)] == [(expected, 2)]
    else:
        assert found[0] == Entry(*expected)


def texts(data: str, format_: Format, column: str = "") -> list[str]:
    """The texts of the entries."""
    found = read_file(Lines.of_bytes(data.encode(), "list"), format_, column)
    return [one.text for one in found if isinstance(one, Entry)]


def test_a_hosts_line_may_have_several_names() -> None:
    assert texts("0 x\n127.0.0.1 a.example b.example # c\n", Format.HOSTS) == [
        "a.example",
        "b.example",
    ]


def test_a_dnsmasq_line_may_have_several_names() -> None:
    assert texts("address=/a.example/b.example/::", Format.DNSMASQ) == ["a.example", "b.example"]


def test_expressions_are_counted_and_not_used() -> None:
    found = list(read_expressions(Lines.of_bytes(b"(^|[/.])larch\n", "expressions")))
    assert [one.why for one in found if isinstance(one, Skipped)] == [Why.WHOLE_URL]


@pytest.mark.parametrize(
    ("data", "column", "expected"),
    [
        (
            "domain,kind\nlarch.example,tree\noak.example,tree\n",
            "",
            ["larch.example", "oak.example"],
        ),
        ("\ufeffDomain;Kind\r\nlarch.example;tree\r\n", "", ["larch.example"]),
        ("id\turl\n1\thttps://larch.example/wood\n", "", ["larch.example/wood"]),
        ("larch.example,tree\noak.example,tree\n", "", ["larch.example", "oak.example"]),
        ("kind|tree name\nx|larch.example\n", "tree name", ["larch.example"]),
        (
            '"domain","note"\n"larch.example","a, b\nc"\noak.example,\n',
            "",
            ["larch.example", "oak.example"],
        ),
        ("\n\ndomain\nlarch.example\n", "", ["larch.example"]),
        ("rank,host\n1,larch.example\n2\n3, \n", "", ["larch.example"]),
    ],
)
def test_a_table_gives_one_column(data: str, column: str, expected: list[str]) -> None:
    assert texts(data, Format.CSV, column) == expected


@pytest.mark.parametrize(
    ("data", "column", "message"),
    [
        ("a,b\n1,2\n", "domain", "list has no column 'domain'; its columns are 'a', 'b'."),
        (
            'domain\n"larch',
            "",
            "list:2: this row of the table cannot be read (unexpected end of data).",
        ),
    ],
)
def test_a_table_that_cannot_be_used_says_so(data: str, column: str, message: str) -> None:
    with pytest.raises(ListError) as caught:
        texts(data, Format.CSV, column)
    assert str(caught.value) == message


def test_a_row_without_a_name_is_counted() -> None:
    found = list(read_file(Lines.of_bytes(b"host,x\n,1\nlarch oak,1\n", "t.csv"), Format.CSV))
    assert [str(one) for one in found] == [
        "t.csv:2: ',1' is no name in the row.",
        "t.csv:3: 'larch oak' is not a name or an address.",
    ]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("larch.example\noak.example\n", Format.DOMAINS),
        ("# trees\n.larch.example\n192.0.2.1\n", Format.DOMAINS),
        ("127.0.0.1 localhost\n0.0.0.0 larch.example\n", Format.HOSTS),
        ("! trees\n||larch.example^\nexample.com##.ad\n", Format.ADBLOCK),
        ("[Adblock Plus]\nlarch.example\noak.example\n", Format.ADBLOCK),
        ("||larch.example^\n0.0.0.0 oak.example\n||elm.example^\n", Format.ADBLOCK),
        ("address=/larch.example/\nserver=/oak.example/\n", Format.DNSMASQ),
        ("# trees\nlarch.example\noak.example @ads\ninclude:elm\n", Format.V2FLY),
        ("full:larch.example # x\n", Format.V2FLY),
        ("larch.example/wood\noak.example/acorn\n", Format.URLS),
        ("https://larch.example/\n", Format.URLS),
        ("domain\nlarch.example\n", Format.CSV),
        ("rank,name\n1,larch.example\n", Format.CSV),
        ("larch.example,tree\noak.example,tree\n", Format.CSV),
    ],
)
def test_the_format_is_told_from_the_lines(data: str, expected: Format) -> None:
    assert tell_format(Lines.of_bytes(data.encode(), "list")) is expected


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", "list is empty."),
        ("\n \n", "list is empty."),
        ("# nothing\n", "list has nothing in it but comments."),
        ('{"larch": 1}\n', "list is in no format that can be told; name it with --format "),
        ("The larch is a tree.\nSo is the oak\n", "list is in no format that can be told; name "),
    ],
)
def test_what_is_in_no_format_is_not_guessed(data: str, message: str) -> None:
    with pytest.raises(ListError) as caught:
        tell_format(Lines.of_bytes(data.encode(), "list"))
    assert str(caught.value).startswith(message)


def test_a_tally_counts_and_keeps_the_first_faults() -> None:
    tally = Tally()
    tally.count(Entry(D, "larch.example"))
    for line in range(1, 31):
        tally.count(Skipped("list", line, Why.NO_NAME, "x" * 200))
    tally.count(Skipped("list", 31, Why.COSMETIC, "##x"))
    assert tally.entries[D] == 1
    assert tally.faulty == 30
    assert len(tally.faults) == 20
    assert str(tally.faults[0]) == f"list:1: '{'x' * 80}…' is not a name or an address."


def test_an_address_needs_a_scheme_of_the_web() -> None:
    assert addressed("wss://larch.example/chat") == Entry(U, "larch.example/chat")
    assert addressed("javascript://larch.example/") is Why.NO_NAME


def test_includes_are_not_for_a_single_file_reader() -> None:
    with pytest.raises(AssertionError):
        read_file(Lines.of_bytes(b"", "list"), Format.V2FLY)
