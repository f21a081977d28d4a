"""The internet of the lab: which real names there are, and where they lead.

Nothing leaves the namespaces, so the addresses can be the true ones where it matters: a restricted
site's are from its own networks as the catalogue has them, a public name service's are the known
ones. The others are public too, for the gate treats private and reserved addresses otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator

FACEBOOK = ("157.240.221.35", "2a03:2880:f158::35")
NAME_SERVER = ("192.0.2.53", "2001:db8:53::53")
SHARED = ("199.232.7.80", "2a04:4e42:7::80")
"""A content network's address, which restricted and unrelated names have in common."""

NAMES: dict[str, tuple[str, ...]] = {
    # restricted
    "facebook.com": FACEBOOK,
    "www.facebook.com": FACEBOOK,
    "m.facebook.com": FACEBOOK,
    "graph.facebook.com": FACEBOOK,
    "translated.facebook.com": ("64:ff9b::9df0:dd23",),  # NAT64, RFC 6052
    "static.xx.fbcdn.net": ("157.240.221.16", "2a03:2880:f158::16"),
    "www.instagram.com": ("157.240.221.174", "2a03:2880:f158::174"),
    "x.com": ("199.232.7.20", "2a04:4e42:7::20"),
    "www.linkedin.com": ("199.232.7.10", "2a04:4e42:7::10"),
    "www.pinterest.com": SHARED,
    "www.reddit.com": ("199.232.7.11",),  # IPv4 only, as many a site still is
    # unrelated
    "www.bbc.co.uk": ("199.232.7.81", "2a04:4e42:7::81"),
    "www.gov.uk": ("199.232.7.82", "2a04:4e42:7::82"),
    "www.school.example": ("199.232.7.40", "2a04:4e42:7::40"),
    "www.unrelated.example": ("199.232.7.30", "2a04:4e42:7::30"),
    "shop.example": SHARED,
    "six.example": ("2a04:4e42:7::6",),
    # servers of other kinds
    "ssh.example": ("199.232.7.22", "2a04:4e42:7::22"),
    "echo.example": ("199.232.7.24", "2a04:4e42:7::24"),
    "proxy.example": ("199.232.7.23", "2a04:4e42:7::23"),
    "early.example": ("199.232.7.25",),
    # somebody's own names for Facebook's servers
    "157-240-221-35.sslip.io": FACEBOOK[:1],
    "my-face.example": FACEBOOK,
    # mirrors
    "web.archive.org": ("199.232.7.91", "2a04:4e42:7::91"),
    "translate.google.com": ("199.232.7.92", "2a04:4e42:7::92"),
    "www-facebook-com.translate.goog": ("199.232.7.93", "2a04:4e42:7::93"),
    # hidden names, name services, and ways out
    "cloudflare-ech.com": ("104.18.10.118", "2606:4700::6812:a76"),
    "hidden.example": ("104.18.10.118", "2606:4700::6812:a76"),
    "dns.google": ("8.8.8.8", "8.8.4.4", "2001:4860:4860::8888"),
    "one.one.one.one": ("1.1.1.1", "2606:4700:4700::1111"),
    "cloudflare-dns.com": ("104.16.248.249", "2606:4700::6810:f8f9"),
    "mozilla.cloudflare-dns.com": ("162.159.61.4", "2803:f800:53::4"),
    "dns.unlisted.example": ("199.232.7.94",),
    "use-application-dns.net": ("199.232.7.95",),
    "mask.icloud.com": ("199.232.7.96",),
    "mask-h2.icloud.com": ("199.232.7.96",),
    "nordvpn.com": ("199.232.7.97",),
    "www.croxyproxy.com": ("199.232.7.98",),
}

HIDDEN = {
    "www.facebook.com": "cloudflare-ech.com",
    "hidden.example": "cloudflare-ech.com",
}
"""Names whose HTTPS record offers an encrypted ClientHello, and the public name that it shows."""


def addresses() -> Iterator[str]:
    """Every address of this internet, once."""
    seen = dict.fromkeys(NAME_SERVER)
    for found in NAMES.values():
        seen |= dict.fromkeys(found)
    yield from seen


def ech_config(public_name: str) -> bytes:
    """An ECHConfigList with one configuration (RFC 9849, section 4); nobody holds its key."""
    name = public_name.encode()
    key = bytes(range(1, 33))
    contents = (
        b"\x07\x00\x20"  # configuration 7, DHKEM(X25519, HKDF-SHA256)
        + len(key).to_bytes(2, "big")
        + key
        + b"\x00\x04\x00\x01\x00\x01"  # HKDF-SHA256, AES-128-GCM
        + b"\x00"
        + len(name).to_bytes(1, "big")
        + name
        + b"\x00\x00"
    )
    config = b"\xfe\x0d" + len(contents).to_bytes(2, "big") + contents
    return len(config).to_bytes(2, "big") + config


def https_record(public_name: str) -> bytes:
    """The data of an HTTPS record that offers HTTP/3 and ECH (RFC 9460, section 2.2)."""
    alpn = b"\x02h3\x02h2"
    ech = ech_config(public_name)
    return (
        b"\x00\x01\x00"
        + b"\x00\x01" + len(alpn).to_bytes(2, "big") + alpn
        + b"\x00\x05" + len(ech).to_bytes(2, "big") + ech
    )  # fmt: skip


def name_server_settings() -> str:
    """What dnsmasq answers, as its configuration file: these names, and no others."""
    lines = ["no-resolv", "no-hosts", "local=/#/"]
    lines += [f"host-record={name},{address}" for name, to in NAMES.items() for address in to]
    lines += [f"dns-rr={name},65,{https_record(public).hex()}" for name, public in HIDDEN.items()]
    return "\n".join(lines) + "\n"
