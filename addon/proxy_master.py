"""mitmproxy's master with the few addons of mitmproxy's own that a gate needs.

For every step of every request mitmproxy asks each of its addons in turn whether it has something
to say. `mitmdump` loads thirty-five of them: replaying, saving, maps, sticky cookies, commands for
its console. A gate uses none of that, and asking was most of what a request cost. Those here:

    Core          checks the options that belong to no other addon
    DisableH2C    refuses an upgrade to HTTP/2 in the clear, which mitmproxy could not look into
    ProxyAuth     has people sign in to the proxy, where the policy wants that; guessing is slow
    Proxyserver   listens, and owns the connections
    NextLayer     tells TLS from HTTP, here with a little more patience
    TlsConfig     makes the certificates, and checks those of the origin
    ErrorCheck    ends the program when something is wrong at start

Three of those that are missing would do something by default: one turns clients with public
addresses away, one serves a page with certificates at `mitm.it`, and one keeps a history of
console commands. `addon.gate` would switch the first two off, and there is no console.
"""

from __future__ import annotations

from mitmproxy.addons.core import Core
from mitmproxy.addons.disable_h2c import DisableH2C
from mitmproxy.addons.errorcheck import ErrorCheck
from mitmproxy.addons.next_layer import NextLayer
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.master import Master
from mitmproxy.options import Options
from mitmproxy.proxy.layer import NextLayer as Undecided

from addon.identity.proxy_sign_in import PatientProxyAuth


class PatientNextLayer(NextLayer):
    """Waits for the third byte of what may be a ClientHello; mitmproxy takes two for HTTP."""

    def next_layer(self, nextlayer: Undecided) -> None:
        """Leaves it undecided while there is too little to tell."""
        if nextlayer.data_client() not in (b"\x16", b"\x16\x03"):
            super().next_layer(nextlayer)


class ProxyMaster(Master):
    """Made inside a running event loop. Ours are added after the addons that it brings."""

    def __init__(self, options: Options, *, sign_in: bool = False) -> None:
        """With `sign_in`, people have to sign in to the proxy (option `proxyauth`)."""
        super().__init__(options)
        # In mitmdump's order, which some of them rely on.
        for addon in (
            Core(),
            DisableH2C(),
            *([PatientProxyAuth()] if sign_in else []),
            Proxyserver(),
            PatientNextLayer(),
            TlsConfig(),
            ErrorCheck(),
        ):
            self.addons.add(addon)
