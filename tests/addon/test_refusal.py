"""Each decision of the shipped policy becomes a page with the right status and the right person."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from addon.block_page import answer
from addon.block_words import WORDS
from addon.refusal import block_page
from rules.identity import Identity, Source
from rules.loading import SHIPPED_POLICY, load_policy
from rules.policy import Outcome

ALLOWED = {Outcome.NOT_RESTRICTED, Outcome.PURPOSE, Outcome.GRANT}


@pytest.fixture(scope="module")
def policy():
    return load_policy(SHIPPED_POLICY)


@pytest.mark.parametrize(
    ("outcome", "status", "contact"),
    [
        (Outcome.NO_PURPOSE, 403, "head"),
        (Outcome.WITHDRAWN, 403, "head"),
        (Outcome.UNIDENTIFIED, 403, "it"),
        (Outcome.NAMELESS, 403, "it"),
        (Outcome.INTERNAL_ERROR, 403, "it"),
        (Outcome.MALFORMED, 400, "it"),
        (Outcome.MISMATCH, 421, "it"),
        (Outcome.RECORD_UNAVAILABLE, 503, "it"),
        (Outcome.RECORD_FULL, 503, "it"),
    ],
)
def test_a_refusal_says_why_and_whom_to_ask(policy, outcome, status, contact):
    decision = policy.refuse(outcome, policy.catalogue.sites["facebook"])
    page = block_page(policy, decision, "www.facebook.com", "http://127.0.0.1:8081")
    assert page.status == status
    assert page.site == "Facebook"
    assert page.reason == decision.reason
    quoted = decision.clause
    assert (page.clause_heading, page.clause_text) == (
        (quoted.heading, quoted.text) if quoted else ("", "")
    )
    assert page.contact_email == getattr(policy.school.contacts, contact).email


def test_without_a_site_the_host_stands_for_it(policy):
    decision = policy.refuse(Outcome.NAMELESS, None)
    assert block_page(policy, decision, "192.0.2.7", "").site == "192.0.2.7"


def test_every_outcome_that_refuses_has_words_of_its_own():
    assert set(WORDS) == {str(outcome) for outcome in set(Outcome) - ALLOWED}


@pytest.mark.parametrize(
    ("outcome", "sources", "portal", "link"),
    [
        (Outcome.UNIDENTIFIED, (Source.SIGN_IN,), "http://gate:8081", True),
        (Outcome.UNIDENTIFIED, (Source.ADDRESS,), "http://gate:8081", False),
        (Outcome.UNIDENTIFIED, (Source.SIGN_IN,), "", False),
        (Outcome.NO_PURPOSE, (Source.SIGN_IN,), "http://gate:8081", False),
    ],
)
def test_whom_nobody_knows_is_shown_where_to_sign_in(policy, outcome, sources, portal, link):
    rules = replace(policy, identity=Identity(sources=sources))
    decision = rules.refuse(outcome, rules.catalogue.sites["facebook"])
    page = block_page(rules, decision, "www.facebook.com", portal)
    shown = answer(
        page,
        host="www.facebook.com",
        reference="7K3QD-9M2XA",
        at=datetime(2026, 11, 23, 9, tzinfo=UTC),
        method="GET",
        headers={"accept": "text/html", "sec-fetch-dest": "document"},
    )
    assert ('href="http://gate:8081/sign-in"' in shown.body.decode()) is link
