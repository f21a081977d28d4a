"""The PAC file, executed: restricted hosts go to the proxy, all others straight out."""

import json
import re
import shutil
import subprocess
from ipaddress import ip_network

import pytest

from addon.portal.proxy_auto_config import proxy_auto_config
from rules.sites import Site

FACEBOOK = Site(
    id="facebook",
    name="Facebook",
    domains=("facebook.com", "fb.com", "xn--bcher-kva.example"),
    networks=(ip_network("157.240.0.0/16"), ip_network("2a03:2880::/29")),
)
MANY = Site(id="many", name="Many", domains=tuple(f"site-{n}.example" for n in range(5_000)))
PROXY = "PROXY 127.0.0.1:8080"

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")


def executed(script, hosts):
    """What FindProxyForURL says of each host, and microseconds a call."""
    program = f"""
        {script}
        const hosts = {json.dumps(hosts)};
        const answers = hosts.map(h => FindProxyForURL("https://" + h + "/", h));
        const start = process.hrtime.bigint();
        for (let i = 0; i < 20000; i++) FindProxyForURL("", hosts[i % hosts.length]);
        const spent = Number(process.hrtime.bigint() - start) / 20000 / 1000;
        console.log(JSON.stringify([answers, spent]));
    """
    run = subprocess.run(
        ["node", "-"], input=program, capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(run.stdout)


@needs_node
def test_only_restricted_hosts_go_to_the_proxy():
    expected = {
        "facebook.com": PROXY,
        "www.facebook.com": PROXY,
        "a.b.c.facebook.com": PROXY,
        "WWW.Facebook.COM": PROXY,
        "www.facebook.com.": PROXY,
        "fb.com": PROXY,
        "xn--bcher-kva.example": PROXY,
        "site-4999.example": PROXY,
        "notfacebook.com": "DIRECT",
        "facebook.com.evil.example": "DIRECT",
        "facebook": "DIRECT",
        "com": "DIRECT",
        "www.bbc.co.uk": "DIRECT",
        "localhost": "DIRECT",
        "constructor": "DIRECT",
        "__proto__": "DIRECT",
        "www.tostring": "DIRECT",
        "": "DIRECT",
        "157.240.0.0": PROXY,
        "157.240.255.255": PROXY,
        "157.239.255.255": "DIRECT",
        "157.241.0.0": "DIRECT",
        "127.0.0.1": "DIRECT",
        "2a03:2880::1": PROXY,
        "[2a03:2880:f0::35]": PROXY,
        "2a03:2887:ffff:ffff:ffff:ffff:ffff:ffff": PROXY,
        "2a03:2888::": "DIRECT",
        "::1": "DIRECT",
        "::": "DIRECT",
    }
    answers, spent = executed(proxy_auto_config([FACEBOOK, MANY], "127.0.0.1:8080"), list(expected))
    assert dict(zip(expected, answers, strict=True)) == expected
    assert spent < 100, "microseconds a call, with five thousand domains"


@needs_node
def test_with_nothing_restricted_all_goes_straight_out():
    answers, _ = executed(proxy_auto_config([], "127.0.0.1:8080"), ["facebook.com", "10.0.0.1"])
    assert answers == ["DIRECT", "DIRECT"]


def test_restricted_hosts_have_nothing_to_fall_back_on():
    script = proxy_auto_config([FACEBOOK], "proxy.school.example:3128")
    assert 'var proxy = "PROXY proxy.school.example:3128";' in script
    assert not re.search(r"PROXY[^\n]*DIRECT", script)


def test_text_cannot_leave_its_quotes():
    script = proxy_auto_config([FACEBOOK], 'x";alert(1);"\u2028</script>')
    assert r'var proxy = "PROXY x\";alert(1);\"\u2028</script>";' in script
    assert script.isascii()


def test_the_script_is_old_javascript_for_windows():
    script = proxy_auto_config([FACEBOOK], "127.0.0.1:8080")
    assert not re.search(r"\b(let|const)\b|=>|`", script)
