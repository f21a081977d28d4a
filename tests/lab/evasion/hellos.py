"""Rows: a ClientHello of every shape. The names in them are plain."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from OpenSSL import SSL

from tests.lab.device import Answer, Device, Shape, get
from tests.lab.evasion.row import Row, Verdict

THEME = "ClientHellos"


def whole(hello: bytes) -> Iterable[bytes]:
    return [hello]


def cut(*sizes: int, pause: bool = False) -> Shape:
    """In pieces of these sizes, and the rest; with a pause between two of them."""

    def shape(hello: bytes) -> Iterable[bytes]:
        for size in sizes:
            yield hello[:size]
            hello = hello[size:]
            if pause:
                yield b""
        yield hello

    return shape


def records(size: int, *, pieces: bool = False) -> Shape:
    """The same handshake message in records of so many bytes (RFC 8446, section 5.1)."""

    def shape(hello: bytes) -> Iterable[bytes]:
        head, message = hello[:3], _message(hello)
        parts = [message[at : at + size] for at in range(0, len(message), size)]
        packed = [head + len(part).to_bytes(2, "big") + part for part in parts]
        if not pieces:
            return [b"".join(packed)]
        return [piece for part in packed for piece in (part, b"")][:-1]

    return shape


def _message(hello: bytes) -> bytes:
    """The handshake message that lies in one or more records."""
    message = b""
    while hello:
        length = int.from_bytes(hello[3:5], "big")
        message += hello[5 : 5 + length]
        hello = hello[5 + length :]
    return message


def changed(change: Callable[[bytes], bytes]) -> Shape:
    """With the handshake message changed on the way, which no handshake survives to the end."""

    def shape(hello: bytes) -> Iterable[bytes]:
        message = change(_message(hello))
        message = message[:1] + (len(message) - 4).to_bytes(3, "big") + message[4:]
        return [hello[:3] + len(message).to_bytes(2, "big") + message]

    return shape


def with_names(entries: bytes) -> Shape:
    """With the list of server names replaced by other entries."""

    def change(message: bytes) -> bytes:
        name = b"www.unrelated.example"
        old = b"\x00" + len(name).to_bytes(2, "big") + name
        old = len(old).to_bytes(2, "big") + old
        old = b"\x00\x00" + len(old).to_bytes(2, "big") + old
        assert old in message
        new = len(entries).to_bytes(2, "big") + entries
        new = b"\x00\x00" + len(new).to_bytes(2, "big") + new
        at = message.index(old)
        # The length of all extensions stands before the first of them.
        for start in range(at, 0, -1):
            if int.from_bytes(message[start - 2 : start], "big") == len(message) - start:
                size = (len(message) - start + len(new) - len(old)).to_bytes(2, "big")
                return (
                    message[: start - 2] + size + message[start:at] + new + message[at + len(old) :]
                )
        raise AssertionError("no extensions")

    return changed(change)


def entry(name: bytes, kind: int = 0) -> bytes:
    return bytes([kind]) + len(name).to_bytes(2, "big") + name


def large(size: int) -> list[bytes]:
    """So many bytes of protocols that nobody speaks, which make a ClientHello as large."""
    return [b"http/1.1", *(b"lab/%03d/" % number + b"x" * 191 for number in range(size // 200))]


def to(name: bytes, at: str = "www.facebook.com", **how) -> Callable[[Device], Answer]:
    return lambda device: device.tls(device.at(at), name, get(name.decode()), **how)


def _resumed(device: Device) -> Answer:
    """A session from an allowed name, taken up again under the restricted one."""
    kept = []

    def keep(tls):
        said = tls.ask(get("x.com"))
        kept.append(tls.engine.get_session())
        return said

    device.tls(device.at("x.com"), b"x.com", talk=keep)
    assert kept, "no session"
    return device.tls(
        device.at("www.facebook.com"), b"www.facebook.com", get("www.facebook.com"), session=kept[0]
    )


def _renamed_resumed(device: Device) -> Answer:
    """A session from the restricted name, taken up again under an allowed one."""
    kept = []

    def keep(tls):
        said = tls.ask(get("www.facebook.com"))
        kept.append(tls.engine.get_session())
        return said

    device.tls(device.at("www.facebook.com"), b"www.facebook.com", talk=keep)
    return device.tls(device.at("x.com"), b"x.com", get("www.facebook.com"), session=kept[0])


def _early(device: Device) -> Answer:
    """A session of the restricted name's from a server that takes early data, used at the site."""
    kept = f"/tmp/{device.client.namespace.name}.session"
    asked = get("www.facebook.com").decode()
    # It ends with its input, and the session comes after the handshake.
    until = f"for i in $(seq 300); do sleep 0.1; test -s {kept} && break; done; sleep 0.3"
    got = device.client.run(
        *("sh", "-c", f"({until}) | openssl s_client -connect {EARLY} {NAMED} -sess_out {kept}")
    )
    assert "Max Early Data: 16384" in got.stdout, got.stdout + got.stderr
    used = device.client.run(
        "sh",
        "-c",
        f"printf '{asked}' >{kept}.asked; sleep 2 | timeout 2 openssl s_client -connect"
        f" {device.at('www.facebook.com')}:443 {NAMED} -sess_in {kept} -early_data {kept}.asked"
        f" -ign_eof; rm -f {kept} {kept}.asked",
        timeout=20,
    )
    return Answer(used.stdout.encode())


EARLY = "199.232.7.25:4433"
NAMED = "-servername www.facebook.com -tls1_3"
FACEBOOK, BBC = b"www.facebook.com", b"www.bbc.co.uk"
SHAPES: tuple[tuple[str, Shape], ...] = (
    ("in two pieces, cut in the middle of the name", lambda h: cut(h.find(b"book"))(h)),
    (
        "in two pieces with a pause, cut in the middle of the name",
        lambda h: cut(h.find(b"book") if b"book" in h else 60, pause=True)(h),
    ),
    ("its first byte alone", cut(1, pause=True)),
    ("its first 80 bytes one by one", cut(*[1] * 80)),
    ("slowly, in ten pieces over three seconds", cut(*[30] * 9, pause=True)),
    ("in records of 16 bytes", records(16)),
    ("in records of 1 byte", records(1)),
    ("in records of 256 bytes with pauses", records(256, pieces=True)),
    ("a first record of nothing", lambda h: [h[:3] + b"\0\0" + h]),
)

ROWS = (
    *(
        Row(
            THEME,
            case,
            to(FACEBOOK, shape=shape),
            Verdict.RECORDED,
            "read whole before anything is decided",
            six=index == 0,
        )
        for index, (case, shape) in enumerate(SHAPES[:-1])
    ),
    Row(
        THEME,
        SHAPES[-1][0],
        to(FACEBOOK, shape=SHAPES[-1][1]),
        Verdict.REFUSED,
        "not TLS as it is written (RFC 8446, section 5.1)",
    ),
    *(
        Row(
            THEME,
            f"{case}, an unrelated name",
            to(BBC, "www.bbc.co.uk", shape=shape),
            Verdict.PASSES,
            "unrelated, however it is cut",
        )
        for case, shape in (SHAPES[1], SHAPES[3], SHAPES[4])
    ),
    *(
        Row(
            THEME,
            f"of {size // 1000} KB",
            to(FACEBOOK, alpn=large(size)),
            Verdict.RECORDED,
            "post-quantum key shares make large ones; read whole before anything is decided",
        )
        for size in (2_000, 8_000, 15_000)
    ),
    *(
        Row(
            THEME,
            f"of {size // 1000} KB, an unrelated name",
            to(BBC, "www.bbc.co.uk", alpn=large(size)),
            Verdict.PASSES,
            "post-quantum key shares make large ones",
        )
        for size in (2_000, 8_000, 15_000)
    ),
    *(
        Row(
            THEME,
            f"of {size // 1000} KB",
            to(FACEBOOK, alpn=large(size)),
            Verdict.REFUSED,
            "larger than any honest one: looked into or closed, never joined",
        )
        for size in (20_000, 60_000)
    ),
    Row(
        THEME,
        "TLS 1.2",
        to(FACEBOOK, newest=SSL.TLS1_2_VERSION),
        Verdict.RECORDED,
        "every version names the site in the clear",
        six=True,
    ),
    Row(
        THEME,
        "TLS 1.2, an unrelated name",
        to(BBC, "www.bbc.co.uk", newest=SSL.TLS1_2_VERSION),
        Verdict.PASSES,
        "unrelated",
    ),
    Row(
        THEME,
        "a session of an allowed site resumed for the restricted one",
        _resumed,
        Verdict.RECORDED,
        "each connection is judged by its own names",
        who="office",
    ),
    Row(
        THEME,
        "a session of the restricted site resumed for an allowed one",
        _renamed_resumed,
        Verdict.RECORDED,
        "each connection is judged by its own names",
        who="office",
    ),
    Row(
        THEME,
        "two names, the restricted one second",
        to(
            b"www.unrelated.example",
            shape=with_names(entry(b"www.unrelated.example") + entry(FACEBOOK)),
        ),
        Verdict.REFUSED,
        "one name a hello (RFC 6066, section 3)",
    ),
    Row(
        THEME,
        "two names, the restricted one first",
        to(
            b"www.unrelated.example",
            shape=with_names(entry(FACEBOOK) + entry(b"www.unrelated.example")),
        ),
        Verdict.REFUSED,
        "one name a hello (RFC 6066, section 3)",
    ),
    Row(
        THEME,
        "a name of an unknown kind before the restricted one",
        to(b"www.unrelated.example", shape=with_names(entry(b"zz", 7) + entry(FACEBOOK))),
        Verdict.REFUSED,
        "looked into or closed, never joined",
    ),
    Row(
        THEME,
        "a NUL in the middle of the name",
        to(b"www.unrelated.example", shape=with_names(entry(FACEBOOK + b"\0.unrelated.example"))),
        Verdict.REFUSED,
        "no host name",
    ),
    Row(
        THEME,
        "a NUL in the middle of the name, the unrelated one first",
        to(
            b"www.unrelated.example", shape=with_names(entry(b"www.unrelated.example\0" + FACEBOOK))
        ),
        Verdict.REFUSED,
        "no host name",
    ),
    Row(
        THEME,
        "an empty name",
        to(b"www.unrelated.example", shape=with_names(entry(b""))),
        Verdict.REFUSED,
        "no host name",
    ),
    Row(
        THEME,
        "an empty list of names",
        to(b"www.unrelated.example", shape=with_names(b"")),
        Verdict.REFUSED,
        "no host name",
    ),
    Row(
        THEME,
        "half a hello, and silence",
        lambda d: d.say(
            d.at("www.facebook.com"), b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", port=443
        ),
        Verdict.REFUSED,
        "nothing is dialled before it is whole",
    ),
    Row(
        THEME,
        "nothing at all, at the site's address",
        lambda d: d.say(d.at("www.facebook.com"), port=443),
        Verdict.REFUSED,
        "nothing is dialled before something is said",
    ),
    Row(
        THEME,
        "half of it, and the rest after six seconds",
        to(FACEBOOK, shape=lambda h: [h[:60], *[b""] * 20, h[60:]]),
        Verdict.REFUSED,
        "closed after five seconds",
    ),
    Row(
        THEME,
        "data with the first flight (0-RTT)",
        _early,
        Verdict.REFUSED,
        "early data is not taken",
        says=b"Early data was rejected",
    ),
)
