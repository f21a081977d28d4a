"""`logons.ps1`, as far as it can be tried where there is no Windows.

Its steps are taken from its own text: what it signs, in which headers, what it sends where. They
are done again in Python and sent to a real portal. That PowerShell does what is written there, and
what a domain controller writes into its log, is not seen by this.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import sqlite3
import uuid
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import addon.identity
from addon.policy_in_force import PolicyInForce
from addon.portal.app import PortalSettings, create_app
from tests.support.identity import SECRET, IdentityProcess, keep_secret, policy_with

SCRIPT = (Path(addon.identity.__file__).parent / "logons.ps1").read_text()


def found(pattern: str) -> str:
    """What the script has in one place, and in one place only."""
    [text] = re.findall(pattern, SCRIPT)
    return str(text)


def filled(template: str, **values: str) -> str:
    """A double-quoted string of PowerShell's: `n is the end of a line, $name a variable."""
    text = re.sub(r"\$(\w+)", lambda name: values[name[1]], template.replace("`n", "\n"))
    assert "`" not in text
    return text


def send_report(client: FlaskClient, what: str, account: str, address: str) -> TestResponse:
    """The script's function of that name."""
    values = {"what": what, "account": account, "address": address}
    fields = dict(re.findall(r"(\w+) = \$(\w+)", found(r"\$body = @\{ (.*) \} \| ConvertTo-Json")))
    body = json.dumps({key: values[name] for key, name in fields.items()}, separators=(",", ":"))
    assert ".ToUnixTimeSeconds()" in found(r"\$time = (.*)")
    assert "[Guid]::NewGuid().ToString('N')" in found(r"\$nonce = (.*)")
    known = {
        "time": str(int(datetime.now(UTC).timestamp())),
        "nonce": uuid.uuid4().hex,
        "body": body,
    }
    assert "HMACSHA256" in found(r"\$hmac = (.*)")
    assert "UTF8.GetBytes((Get-Content -Raw $SecretFile).Trim())" in found(r"\$secret = (.*)")
    signed = filled(found(r'ComputeHash\(\[Text\.Encoding\]::UTF8\.GetBytes\("(.*)"\)\)'), **known)
    digest = hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).digest()
    assert "ToString($signed).Replace('-', '').ToLower()" in SCRIPT
    headers = {}
    for name, value in re.findall(r"'(X-[\w-]+)' = (.*)", SCRIPT):
        headers[name] = known[value[1:]] if value.startswith("$") else digest.hex()
    assert "UTF8.GetBytes($body)" in found(r"-Body (.*) \|")
    place = found(r'-Uri "\$Gate(/[\w/]+)"')
    return client.post(
        place, data=body.encode(), headers=headers, content_type=found(r"-ContentType '(.*?)'")
    )


def test_a_report_as_the_script_makes_it_is_taken(tmp_path: Path) -> None:
    state = tmp_path / "state"
    keep_secret(state, "logons")
    policy = policy_with(tmp_path, {"sources": ["logon"]}, fern={"accounts": ["FE"]})

    def now() -> datetime:
        return datetime.now(UTC)

    def people() -> list[tuple[str, str]]:
        uri = f"file:{state / 'record.sqlite3'}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as record:
            query = "SELECT person, address FROM bindings WHERE ended IS NULL"
            return record.execute(query).fetchall()

    events = set(re.findall(r"Send-Report '([\w-]+)'", SCRIPT))
    assert events == {"logon", "still-on"}
    # Of a minute in which two people were there, the first would else seem to have come back.
    assert found(r"Send-Report 'logon' .*\n +(\$\S+)") == "$still.Remove($address)"
    with IdentityProcess(state, policy):
        client = create_app(PortalSettings(state, PolicyInForce(policy, now), now)).test_client()
        for what, account in (("still-on", "fe"), ("logon", "FE"), ("still-on", "fe")):
            assert send_report(client, what, account, "10.0.0.7").status_code == 204
        assert people() == [("fern.example", "10.0.0.7")]
        assert send_report(client, "logon", "somebody else, é", "10.0.0.7").status_code == 204
        assert people() == []
