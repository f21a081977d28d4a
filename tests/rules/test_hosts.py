"""One canonical form for every host."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.hosts import HostError, canonical_address, canonical_host

SAME = [
    ("facebook.com", "facebook.com"),
    ("FaceBook.COM", "facebook.com"),
    ("facebook.com.", "facebook.com"),
    ("www.my_school-1.example", "www.my_school-1.example"),
    ("bücher.example", "xn--bcher-kva.example"),
    ("BÜCHER.example", "xn--bcher-kva.example"),
    ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ("faceboo𝓀.com", "facebook.com"),  # a mathematical letter; browsers read it as k
    ("face\u00adbook.com", "facebook.com"),  # a soft hyphen; browsers leave it out
    ("facebook。com", "facebook.com"),
    ("facebook.com。", "facebook.com"),
    ("straße.example", "xn--strae-oqa.example"),  # not strasse.example, which is another name
    ("i❤.example", "xn--i-7iq.example"),
    ("localhost", "localhost"),
    ("127.0.0.1", "127.0.0.1"),
    ("127.1", "127.0.0.1"),
    ("0x7f.0.0.1", "127.0.0.1"),
    ("0177.0.0.01", "127.0.0.1"),
    ("2130706433", "127.0.0.1"),
    ("0x7F000001.", "127.0.0.1"),
    ("１２７.0.0.1", "127.0.0.1"),
    ("[::1]", "::1"),
    ("::1", "::1"),
    ("2001:DB8:0:0::1", "2001:db8::1"),
    ("[::ffff:127.0.0.1]", "127.0.0.1"),
]

REFUSED = [
    ("", "A host name cannot be empty."),
    (".", "A host name cannot be empty."),
    ("a..example", "'a..example' has two dots together, or starts with one."),
    (".example", "'.example' has two dots together, or starts with one."),
    ("facebook.com..", "'facebook.com.' has two dots together, or starts with one."),
    ("a@facebook.com", "'a@facebook.com' has an '@', which no host name has."),
    ("facebook.com:443", "'facebook.com:443' has a port, which no host name has."),
    ("face book.com", "'face book.com' has a space, which no host name has."),
    ("facebook.com/x", "'facebook.com/x' has a slash, which no host name has."),
    ("face\x00book.com", "'face\\x00book.com' has characters that no host name has."),
    ("facebook.com\n", "'facebook.com\\n' has characters that no host name has."),
    ("\ufffd.example", "'\ufffd.example' has characters that no host name has."),
    ("\ud800.example", "'\\ud800.example' has characters that no host name has."),
    (f"{'a' * 64}.example", f"'{'a' * 64}.example' has a part of more than 63 letters."),
    (f"{'a.' * 130}example", "A host name has at most 253 letters; this one has 267."),
    ("\u00ad" * 1025 + "a.example", "A host name is never 1,034 letters long."),
    ("1.2.3.4.5", "'1.2.3.4.5' is not an IP address: a part is too large, or there are too many."),
    ("256.1.1.1", "'256.1.1.1' is not an IP address: a part is too large, or there are too many."),
    (
        "4294967296",
        "'4294967296' is not an IP address: a part is too large, or there are too many.",
    ),
    ("facebook.123", "'facebook.123' ends in a number and is not an IP address."),
    ("09.1.1.1", "'09.1.1.1' ends in a number and is not an IP address."),
    ("1_0.0.0.1", "'1_0.0.0.1' ends in a number and is not an IP address."),
    ("[::1", "'[::1' is not an IPv6 address."),
    ("[fe80::1%eth0]", "'[fe80::1%eth0]' is not an IPv6 address."),
    ("1:2:3", "'1:2:3' is not an IPv6 address."),
]


@pytest.mark.parametrize(("text", "host"), SAME)
def test_every_spelling_of_a_host_has_one_form(text: str, host: str) -> None:
    assert canonical_host(text) == host


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_what_no_browser_opens_is_refused_with_a_reason(text: str, message: str) -> None:
    with pytest.raises(HostError) as refused:
        canonical_host(text)
    assert str(refused.value) == message


def canonical(text: str) -> str | None:
    try:
        return canonical_host(text)
    except HostError:
        return None


HOSTLIKE = st.text(
    st.one_of(st.sampled_from("aAbx-_.:[]%0127。"), st.characters()), max_size=40
) | st.from_regex(r"[a-zA-Z0-9-]{1,12}(\.[a-zA-Z0-9-]{1,12}){0,3}\.?", fullmatch=True)


@given(HOSTLIKE)
def test_a_canonical_host_stays_as_it_is(text: str) -> None:
    host = canonical(text)
    if host is not None:
        assert canonical_host(host) == host
        assert host.isascii()
        assert host == host.lower()


NAMES = st.from_regex(r"[a-zA-Z-]{1,4}(\.[a-zA-Z-]{1,4}){0,2}\.?", fullmatch=True)


@given(NAMES, NAMES)
def test_two_names_that_the_network_keeps_apart_are_never_merged(one: str, other: str) -> None:
    same_to_dns = one.lower().removesuffix(".") == other.lower().removesuffix(".")
    assert (canonical(one) == canonical(other)) == same_to_dns


@given(st.text(st.characters(min_codepoint=0xC0), min_size=1, max_size=8))
def test_a_unicode_name_is_never_merged_with_another_in_its_lower_case(text: str) -> None:
    host = canonical(f"{text}.example")
    if host is not None and host.startswith("xn--") and host.count(".") == 1:
        label = host.partition(".")[0]
        # Decoding the A-label gives back a name with that same A-label and no other.
        assert canonical_host(label[4:].encode("ascii").decode("punycode") + ".example") == host


@pytest.mark.parametrize(
    ("text", "address"),
    [("10.0.0.7", "10.0.0.7"), ("::ffff:10.0.0.7", "10.0.0.7"), ("fe80::1%eth0", "fe80::1")],
)
def test_an_address_as_a_socket_reports_it_has_one_form(text: str, address: str) -> None:
    assert canonical_address(text) == address


def test_a_name_is_not_an_address() -> None:
    with pytest.raises(HostError, match=r"^'localhost' is not an IP address\.$"):
        canonical_address("localhost")
