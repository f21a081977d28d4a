"""Which Host headers can only be the school's own names for the portal."""

import pytest

from addon.portal.host_names import host_name, is_ours


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("127.0.0.1:8081", "127.0.0.1"),
        ("localhost", "localhost"),
        ("Gate.School.Example:80", "gate.school.example"),
        ("[::1]:8081", "[::1]"),
        ("[2001:DB8::1]", "[2001:db8::1]"),
        ("", None),
        (":8081", None),
        ("a b", None),
        ('x";alert(1);"', None),
        ("x\nPROXY evil", None),
        ("user@host", None),
        ("host:port", None),
        ("host:123456", None),
        ("::1", None),
        ("[::1", None),
        ("[zz]", None),
        ("bücher.example", None),
        ("x" * 254, None),
    ],
)
def test_a_host_header_is_read_or_refused(header, name):
    assert host_name(header) == name


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("127.0.0.1", True),
        ("192.168.4.1", True),
        ("[::1]", True),
        ("localhost", True),
        ("gate", True),
        ("wpad", True),
        ("gate.local", True),
        ("gate.internal", True),
        ("gate.school.example", True),
        ("gate.school.example.", True),
        ("gate.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("evil-local", True),
        ("evil.example.local.example", False),
        ("[::x]", False),
        (None, False),
    ],
)
def test_a_full_name_is_ours_only_if_we_were_told(name, ours):
    assert is_ours(name, {"gate.school.example"}) is ours
