"""The portal over real HTTP: what each page says, which headers guard it, what strangers get."""

import pytest

PAGES = ["/", "/ask", "/certificate", "/no-such-page"]


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/", 200, "The gate on our internet connection"),
        ("/ask", 200, "Do you need a site for school?"),
        ("/certificate", 200, "The school’s certificate"),
        ("/no-such-page", 404, "There is no such page"),
        ("/ask/", 404, "There is no such page"),
        ("/../../etc/passwd", 404, "There is no such page"),
        ("/%00", 404, "There is no such page"),
    ],
)
def test_every_page_answers_in_plain_words(portal, path, status, words):
    reply = portal.get(path)
    assert reply.status == status
    assert words in reply.text
    assert portal.policy.now.policy.school.name in reply.text


@pytest.mark.parametrize(
    "path", [*PAGES, "/healthz", "/proxy.pac", "/certificate/schoolgate-ca.pem"]
)
def test_every_answer_is_guarded(portal, path):
    headers = portal.get(path).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in headers
    assert not [name for name in headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize("path", ["/", "/ask", "/certificate", "/healthz", "/proxy.pac"])
def test_only_reading_is_allowed(portal, path):
    reply = portal.get(path, method="POST")
    assert reply.status == 405
    assert "GET" in reply.headers["Allow"]
    assert "That did not work" in reply.text
    head = portal.get(path, method="HEAD")
    assert (head.status, head.body) == (portal.get(path).status, b"")


def test_the_block_pages_link_leads_to_the_people_who_decide(portal):
    contacts = portal.policy.now.policy.school.contacts
    text = portal.get("/ask?site=www.facebook.com&reference=7k3qd-9m2xa").text
    assert "Do you need Facebook for school?" in text
    assert "7K3QD-9M2XA" in text
    assert contacts.head.name in text
    assert contacts.senior_teacher.name in text
    assert contacts.chair.name not in text


def test_a_device_is_asked_about_where_it_can_be_added(portal):
    contacts = portal.policy.now.policy.school.contacts
    text = portal.get("/ask?site=www.facebook.com&about=device&reference=7K3QD-9M2XA").text
    assert "Should the gate know this device?" in text
    assert contacts.it.name in text
    assert "7K3QD-9M2XA" in text


@pytest.mark.parametrize(
    "query",
    [
        "site=%3Cscript%3Ealert(1)%3C/script%3E",
        "site=a%00b",
        "site=" + "x" * 5000,
        "site=javascript:alert(1)",
        "site=%FF%FE",
        "site=a&site=b&site=c",
        "reference=%22%3E%3Cimg%20src=x%3E",
        "reference=" + "A" * 5000,
        "reference=ILOU0-00000",
        "about=%3Cb%3E",
    ],
)
def test_a_strange_question_gets_the_plain_page(portal, query):
    reply = portal.get(f"/ask?{query}")
    assert reply.status == 200
    assert "<script" not in reply.text
    assert "<img" not in reply.text
    assert "This reference" not in reply.text
    assert len(reply.body) < 16_000


def test_a_site_that_is_not_in_the_catalogue_goes_by_its_host(portal):
    assert "Do you need www.bbc.co.uk for school?" in portal.get("/ask?site=WWW.BBC.co.uk.").text


@pytest.mark.parametrize("path", ["/proxy.pac", "/wpad.dat"])
def test_the_pac_file_names_the_proxy_and_the_restricted_sites(portal, path):
    reply = portal.get(path)
    assert reply.headers["Content-Type"] == "application/x-ns-proxy-autoconfig"
    assert '"PROXY 127.0.0.1:8080"' in reply.text
    assert '"facebook.com":1' in reply.text


@pytest.mark.parametrize(
    ("configured", "asked", "proxy"),
    [
        ("127.0.0.1", "gate.school.example:8081", "PROXY 127.0.0.1:3128"),
        ("10.0.0.1", "evil.example", "PROXY 10.0.0.1:3128"),
        ("::1", "evil.example", "PROXY [::1]:3128"),
        ("0.0.0.0", "gate.school.example:8081", "PROXY gate.school.example:3128"),
        ("0.0.0.0", "192.168.4.1:8081", "PROXY 192.168.4.1:3128"),
        ("::", "[2001:db8::1]:8081", "PROXY [2001:db8::1]:3128"),
    ],
)
def test_a_proxy_that_listens_everywhere_is_where_the_portal_was_found(
    serve, configured, asked, proxy
):
    portal = serve(proxy_host=configured, proxy_port=3128)
    assert f'var proxy = "{proxy}";' in portal.get("/proxy.pac", Host=asked).text


@pytest.mark.parametrize("asked", ['x";alert(1);"', "a b", "", "<script>"])
def test_a_host_header_never_becomes_script(serve, asked):
    portal = serve(proxy_host="0.0.0.0")
    assert portal.get("/proxy.pac", Host=asked).status == 400


def test_a_fault_of_the_portal_is_a_page_and_no_traceback(serve, tmp_path):
    (tmp_path / "status").mkdir()

    def broken():
        raise RuntimeError("the clock has stopped")

    portal = serve(clock=broken)
    reply = portal.get("/healthz")
    assert reply.status == 500
    assert "Something went wrong on our side" in reply.text
    assert "clock" not in reply.text
