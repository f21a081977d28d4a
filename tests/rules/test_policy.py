"""What the policy answers, and why."""

import weakref
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rules.decision import Decision, Grant, Outcome
from rules.loading import load_policy
from rules.policy import Policy
from rules.request import Person, WebRequest, request_for
from rules.sites import Catalogue
from tests.rules.policies import SITES, small_policy

Load = Callable[..., Policy]

MONDAY_NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SUNDAY_NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
PAGE = WebRequest("www.facebook.com", path="/school/posts")
OWN_PAGE = WebRequest("www.facebook.com", path="/ash.larch")
TIKTOK = WebRequest("tiktok.com", path="/")


def decide(policy: Policy, request: WebRequest, who: str | None, now: datetime) -> Decision:
    return policy.decide(request, policy.people[who] if who else None, now)


class TestTheOrder:
    def test_a_site_that_is_not_restricted_passes_whoever_asks(
        self, load: Load, policy: dict[str, Any]
    ) -> None:
        rules = load(policy)
        for host in ("www.bbc.co.uk", "youtube.com", "encyclopaedia.example", "10.0.0.1"):
            decision = decide(rules, WebRequest(host), None, MONDAY_NOON)
            assert decision.allowed
            assert decision.outcome is Outcome.NOT_RESTRICTED
            assert decision.reason == "This site is not restricted."

    def test_a_purpose_opens_its_site_and_says_which_purpose_and_clause(
        self, load: Load, policy: dict[str, Any]
    ) -> None:
        decision = decide(load(policy), PAGE, "a.larch", MONDAY_NOON)
        assert decision.allowed
        assert decision.outcome is Outcome.PURPOSE
        assert decision.reason == "Facebook is open here for a school purpose: the school's page."
        assert decision.rule is not None
        assert (decision.rule.id, decision.rule.file) == ("page", "policy.yaml")
        assert decision.clause is not None
        assert decision.clause.text == "For school purposes only."
        assert decision.records_path

    def test_without_a_purpose_it_is_refused(self, load: Load, policy: dict[str, Any]) -> None:
        policy["reasons"] = {"no-purpose": {"clause": "purposes"}}
        decision = decide(load(policy), TIKTOK, "a.larch", MONDAY_NOON)
        assert not decision.allowed
        assert decision.outcome is Outcome.NO_PURPOSE
        assert decision.reason == (
            "TikTok is a social networking site. At school it opens only for a school purpose, "
            "and none of your school purposes covers this."
        )
        assert decision.clause is not None
        assert decision.clause.heading == "Personal use"
        assert not decision.records_path

    def test_somebody_unknown_is_asked_to_sign_in(self, load: Load, policy: dict[str, Any]) -> None:
        decision = decide(load(policy), PAGE, None, MONDAY_NOON)
        assert decision.outcome is Outcome.UNIDENTIFIED
        assert decision.reason.endswith("the gate does not know who is using this device.")

    def test_an_unknown_device_may_count_as_a_visitor(
        self, load: Load, policy: dict[str, Any]
    ) -> None:
        policy["unidentified"] = {"access": "as-visitor"}
        policy["purposes"]["page"]["who"] = ["visitor"]
        rules = load(policy)
        assert decide(rules, PAGE, None, MONDAY_NOON).allowed
        assert decide(rules, OWN_PAGE, None, MONDAY_NOON).outcome is Outcome.UNIDENTIFIED
        assert decide(rules, TIKTOK, None, MONDAY_NOON).outcome is Outcome.UNIDENTIFIED

    def test_a_grant_opens_one_site_for_one_person_until_it_ends(
        self, load: Load, policy: dict[str, Any]
    ) -> None:
        rules = load(policy)
        ends = MONDAY_NOON + timedelta(minutes=30)
        grants = [Grant("a.larch", "tiktok", ends, "a lesson on sharing safely")]

        def outcome(request: WebRequest, who: str, now: datetime) -> Outcome:
            return rules.decide(request, rules.people[who], now, grants).outcome

        opened = rules.decide(TIKTOK, rules.people["a.larch"], MONDAY_NOON, grants)
        assert opened.reason == (
            "TikTok is open to you until 12:30 on 23 November: a lesson on sharing safely."
        )
        assert outcome(TIKTOK, "a.larch", ends - timedelta(seconds=1)) is Outcome.GRANT
        assert outcome(TIKTOK, "a.larch", ends) is Outcome.NO_PURPOSE
        assert outcome(TIKTOK, "b.pine", MONDAY_NOON) is Outcome.NO_PURPOSE
        assert outcome(OWN_PAGE, "a.larch", MONDAY_NOON) is Outcome.NO_PURPOSE

    def test_a_withdrawal_leaves_the_essentials_only(
        self, load: Load, policy: dict[str, Any]
    ) -> None:
        policy["essentials"] = ["gov.uk", "tiktok.com"]
        rules = load(policy)
        person = replace(rules.people["a.larch"], withdrawn=True)

        def outcome(request: WebRequest) -> Outcome:
            return rules.decide(request, person, MONDAY_NOON).outcome

        assert outcome(PAGE) is Outcome.WITHDRAWN
        assert outcome(WebRequest("www.bbc.co.uk")) is Outcome.WITHDRAWN
        assert outcome(WebRequest("www.tax.service.gov.uk")) is Outcome.NOT_RESTRICTED
        assert outcome(TIKTOK) is Outcome.NO_PURPOSE  # essential, and restricted all the same


class TestWhatAPurposeLooksAt:
    @pytest.mark.parametrize(
        ("change", "request_", "who", "now", "allowed"),
        [
            ({}, PAGE, "a.larch", MONDAY_NOON, True),
            ({}, PAGE, "b.pine", MONDAY_NOON, False),
            ({"who": ["b.pine"]}, PAGE, "b.pine", MONDAY_NOON, True),
            ({"who": ["staff"]}, PAGE, "b.pine", MONDAY_NOON, True),
            ({"who": ["staff"]}, PAGE, "c.moss", MONDAY_NOON, False),
            ({"who": ["staff"]}, PAGE, "d.reed", MONDAY_NOON, False),
            ({"who": ["visitor"]}, PAGE, "c.moss", MONDAY_NOON, True),
            ({}, PAGE, "a.larch", SUNDAY_NOON, False),
            ({}, OWN_PAGE, "a.larch", MONDAY_NOON, False),
            ({}, WebRequest("www.facebook.com"), "a.larch", MONDAY_NOON, False),
            ({}, WebRequest("x.fbcdn.net", path="/pic.jpg"), "a.larch", MONDAY_NOON, True),
            ({"until": "2026-11-23"}, PAGE, "a.larch", MONDAY_NOON, True),
            ({"until": "2026-11-22"}, PAGE, "a.larch", MONDAY_NOON, False),
            ({"when": ["Mon 09:00-11:00", "Mon 12:00-13:00"]}, PAGE, "a.larch", MONDAY_NOON, True),
            ({"when": ["Mon 09:00-11:00", "Tue"]}, PAGE, "a.larch", MONDAY_NOON, False),
            ({"actions": ["view"]}, PAGE, "a.larch", MONDAY_NOON, True),
        ],
    )
    def test_every_condition_has_to_hold(
        self,
        load: Load,
        policy: dict[str, Any],
        change: dict[str, Any],
        request_: WebRequest,
        who: str,
        now: datetime,
        allowed: bool,
    ) -> None:
        policy["purposes"]["page"] |= change
        assert decide(load(policy), request_, who, now).allowed is allowed

    @pytest.mark.parametrize(
        ("method", "url", "actions", "allowed"),
        [
            ("GET", "facebook.com/anything", ["view"], True),
            ("GET", "facebook.com/search", ["view"], True),
            ("POST", "facebook.com/login", ["view"], True),
            ("POST", "facebook.com/ajax/updatestatus.php", ["view"], False),
            ("POST", "facebook.com/ajax/updatestatus.php", ["view", "post"], True),
            ("POST", "facebook.com/ajax//updatestatus.php", ["view"], False),
            ("POST", "facebook.com/ajax/./updatestatus.php", ["view"], False),
            ("POST", "facebook.com/x%2f../ajax/updatestatus.php", ["view"], False),
            ("POST", "facebook.com/messages/77/send", ["view", "post"], False),
            ("POST", "upload.facebook.com/x", ["upload"], True),
            ("GET", "facebook.com/search", ["post"], False),
        ],
    )
    def test_viewing_takes_in_searching_and_signing_in_and_no_more(
        self,
        load: Load,
        policy: dict[str, Any],
        method: str,
        url: str,
        actions: list[str],
        allowed: bool,
    ) -> None:
        del policy["purposes"]["page"]["paths"]
        policy["purposes"]["page"]["actions"] = actions
        request = request_for(url, method)
        assert decide(load(policy), request, "a.larch", MONDAY_NOON).allowed is allowed

    def test_hours_are_the_schools_own_in_summer_too(
        self, load: Load, policy: dict[str, Any]
    ) -> None:
        rules = load(policy)  # open from 08:30 British time
        winter = datetime(2026, 11, 23, 7, 45, tzinfo=UTC)
        summer = datetime(2026, 6, 22, 7, 45, tzinfo=UTC)
        assert not decide(rules, PAGE, "a.larch", winter).allowed
        assert decide(rules, PAGE, "a.larch", summer).allowed

    def test_a_time_without_a_zone_is_a_mistake_of_the_program(
        self, load: Load, policy: dict[str, Any]
    ) -> None:
        rules = load(policy)
        for _ in range(2):  # before and after a time that is none
            with pytest.raises(ValueError, match="which zone"):
                decide(rules, PAGE, "a.larch", MONDAY_NOON.replace(tzinfo=None))
            assert decide(rules, PAGE, "a.larch", MONDAY_NOON).allowed


class TestExplaining:
    def test_a_refusal_says_what_a_purpose_of_ones_own_lacked(
        self, load: Load, policy: dict[str, Any]
    ) -> None:
        decision = decide(load(policy), PAGE, "a.larch", SUNDAY_NOON)
        assert decision.reason.endswith(
            " You have a purpose for it, “the school's page”: "
            "it is for Monday to Friday, 08:30 to 15:45, and it is Sunday 12:00."
        )

    @pytest.mark.parametrize(
        ("change", "request_", "who", "now", "near"),
        [
            ({}, OWN_PAGE, "a.larch", MONDAY_NOON,
             ["it is only for part of the site, /school"]),
            ({}, PAGE, "b.pine", SUNDAY_NOON,
             ["it is for other people",
              "it is for Monday to Friday, 08:30 to 15:45, and it is Sunday 12:00"]),
            ({"paths": ["/"]}, TIKTOK, "a.larch", MONDAY_NOON,
             ["it is for Facebook, not for TikTok"]),
            ({"until": "2026-01-02"}, PAGE, "a.larch", MONDAY_NOON, ["it ended on 2 January 2026"]),
            ({"actions": ["post"]}, PAGE, "a.larch", MONDAY_NOON,
             ["it is for: post; this is: view"]),
        ],
    )  # fmt: skip
    def test_a_rule_that_came_close_says_what_failed(
        self,
        load: Load,
        policy: dict[str, Any],
        change: dict[str, Any],
        request_: WebRequest,
        who: str,
        now: datetime,
        near: list[str],
    ) -> None:
        policy["purposes"]["page"] |= change
        rules = load(policy)
        explanation = rules.explain(request_, rules.people[who], now)
        assert [list(rule.failed) for rule in explanation.near] == [near]
        assert explanation.as_json()["near"][0]["rule"]["title"] == "the school's page"

    def test_a_purpose_for_the_site_comes_before_one_for_another(
        self, load: Load, policy: dict[str, Any]
    ) -> None:
        elsewhere = dict(policy["purposes"]["page"], title="elsewhere", sites=["tiktok"])
        del elsewhere["paths"], elsewhere["when"]
        policy["purposes"] = {"elsewhere": elsewhere} | policy["purposes"]
        rules = load(policy)
        near = rules.explain(OWN_PAGE, rules.people["a.larch"], SUNDAY_NOON).near
        assert [(rule.rule.id, len(rule.failed)) for rule in near] == [
            ("page", 2),
            ("elsewhere", 1),
        ]

    def test_an_open_site_needs_no_explanation(self, load: Load, policy: dict[str, Any]) -> None:
        rules = load(policy)
        explained = rules.explain(WebRequest("www.bbc.co.uk"), None, MONDAY_NOON)
        assert explained.near == ()
        assert explained.as_json() == {
            "allowed": True,
            "outcome": "not-restricted",
            "reason": "This site is not restricted.",
            "site": None,
            "rule": None,
            "clause": None,
            "records_path": False,
            "grant": None,
            "near": [],
            "could_declare": [],
        }

    def test_somebody_unknown_is_told_of_purposes_for_the_site(
        self, load: Load, policy: dict[str, Any]
    ) -> None:
        explained = load(policy).explain(PAGE, None, MONDAY_NOON)
        assert explained.near[0].failed == ("it is for other people",)

    def test_what_fits_a_visitor_is_not_close_for_somebody_unknown(
        self, load: Load, policy: dict[str, Any]
    ) -> None:
        policy["purposes"]["page"]["who"] = ["visitor"]
        explained = load(policy).explain(PAGE, None, MONDAY_NOON)
        assert explained.decision.outcome is Outcome.UNIDENTIFIED
        assert explained.near == ()

    def test_a_withdrawal_is_explained_by_itself(self, load: Load, policy: dict[str, Any]) -> None:
        rules = load(policy)
        person = replace(rules.people["a.larch"], withdrawn=True)
        explained = rules.explain(PAGE, person, SUNDAY_NOON)
        assert explained.decision.outcome is Outcome.WITHDRAWN
        assert explained.near == ()


class TestWording:
    def test_a_policy_may_word_its_reasons_itself(self, load: Load, policy: dict[str, Any]) -> None:
        policy["categories"] = {"social-networking": {"name": "online meeting place"}}
        policy["reasons"] = {"no-purpose": {"text": "{site} is {kind}.\nAsk   the head."}}
        decision = decide(load(policy), TIKTOK, "a.larch", MONDAY_NOON)
        assert decision.reason == "TikTok is an online meeting place. Ask the head."

    @pytest.mark.parametrize("outcome", list(Outcome))
    def test_every_outcome_has_words(
        self, load: Load, policy: dict[str, Any], outcome: Outcome
    ) -> None:
        rules = load(policy)
        for site in (None, rules.restricted_site("facebook.com")):
            decision = rules.refuse(outcome, site)
            assert decision.reason.endswith(".")
            assert "{" not in decision.reason

    def test_a_site_restricted_by_its_own_name_is_called_restricted(
        self, load: Load, policy: dict[str, Any]
    ) -> None:
        policy["restricted"].append("encyclopaedia")
        decision = decide(load(policy), WebRequest("encyclopaedia.example"), "a.larch", MONDAY_NOON)
        assert decision.reason.startswith("The Encyclopaedia is a restricted site. ")


def test_a_policy_goes_when_nothing_needs_it(load: Load, policy: dict[str, Any]) -> None:
    rules = load(policy)
    decide(rules, PAGE, "a.larch", MONDAY_NOON)
    gone = weakref.ref(rules)
    del rules
    assert gone() is None  # at once, not when the collector comes by: a reload doubles no memory


class TestWhatIsRestricted:
    def test_categories_and_single_sites_are(self, load: Load, policy: dict[str, Any]) -> None:
        policy["restricted"] = ["youtube", "our-own"]
        policy["sites"] = {"chat": {"name": "Chat", "domains": ["chat.example"]}}
        policy["categories"] = {"our-own": {"name": "chat site", "sites": ["chat"]}}
        policy["purposes"] = {}
        rules = load(policy)
        assert rules.restricted == {"youtube", "chat"}
        assert rules.restricted_site("m.youtube.com") is rules.catalogue.sites["youtube"]
        assert rules.restricted_site("facebook.com") is None
        assert rules.restricted_network("208.65.152.9") is rules.catalogue.sites["youtube"]
        assert rules.restricted_network("31.13.24.9") is None
        assert rules.refuse(Outcome.NO_PURPOSE, rules.restricted_site("chat.example")).reason == (
            "Chat is a chat site. At school it opens only for a school purpose, "
            "and none of your school purposes covers this."
        )

    def test_a_site_of_ones_own_replaces_the_shipped_one(
        self, load: Load, policy: dict[str, Any]
    ) -> None:
        policy["sites"] = {"tiktok": {"name": "Tick", "domains": ["tick.example"]}}
        rules = load(policy)
        assert rules.restricted == {"facebook"}
        assert rules.catalogue.site_of("tiktok.com") is None

    def test_addresses_name_people_in_their_canonical_form(
        self, load: Load, policy: dict[str, Any]
    ) -> None:
        policy["people"]["a.larch"]["addresses"] = ["::ffff:10.0.0.7", "FD00:0::7"]
        rules = load(policy)
        assert rules.addresses == {"10.0.0.7": "a.larch", "fd00::7": "a.larch"}
        assert rules.school.contacts.it.role == "The technician"
        assert rules.school.contacts.head.role == "Head Teacher"


HOSTS = st.sampled_from(
    ["facebook.com", "x.fbcdn.net", "tiktok.com", "youtube.com", "bbc.co.uk", "31.13.24.1", "::1"]
)
REQUESTS = st.builds(
    WebRequest,
    HOSTS,
    method=st.sampled_from(["GET", "POST", "BREW"]),
    path=st.none() | st.sampled_from(["/", "/school", "*", "/%zz"]) | st.text(max_size=20),
)
MOMENTS = st.integers(946684800, 4070908800).map(lambda s: datetime.fromtimestamp(s, UTC))


@pytest.fixture(scope="module")
def two_policies(tmp_path_factory: pytest.TempPathFactory) -> tuple[Policy, Policy]:
    """The small policy, and the same with one more purpose."""
    folder = tmp_path_factory.mktemp("policies")
    one, more = small_policy(), small_policy()
    more["purposes"]["other"] = {
        "title": "a lesson",
        "who": ["staff", "visitor"],
        "sites": ["tiktok", "facebook"],
        "when": "12:00-13:00",
        "owner": "b.pine",
        "review": "2027-01-01",
    }
    for name, values in (("one", one), ("more", more)):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(values))
    return load_policy(folder / "one.yaml", SITES), load_policy(folder / "more.yaml", SITES)


NAMES = ("facebook", "tiktok", "youtube", "encyclopaedia")


@given(
    restricted=st.sets(st.sampled_from(NAMES)), removed=st.sampled_from(NAMES), request_=REQUESTS
)
def test_removing_a_site_never_restricts_more(
    two_policies: tuple[Policy, Policy], restricted: set[str], removed: str, request_: WebRequest
) -> None:
    policy = replace(two_policies[0], restricted=frozenset(restricted), purposes=())
    fewer = [site for site in policy.catalogue if site.id != removed]
    without = replace(policy, catalogue=Catalogue(fewer))
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    before, after = policy.decide(request_, None, now), without.decide(request_, None, now)
    assert after.allowed or not before.allowed


@given(request_=REQUESTS, who=st.sampled_from([None, *small_policy()["people"]]), now=MOMENTS)
def test_any_question_has_an_answer_and_one_more_purpose_never_closes_anything(
    two_policies: tuple[Policy, Policy], request_: WebRequest, who: str | None, now: datetime
) -> None:
    one, more = two_policies
    person: Person | None = one.people[who] if who else None
    before, after = one.decide(request_, person, now), more.decide(request_, person, now)
    assert before.reason
    assert after.allowed or not before.allowed
    assert one.explain(request_, person, now).decision == before
    if before.allowed and before.outcome is not Outcome.NOT_RESTRICTED:
        assert before.rule is not None


class TestWhatTheGatewayNeeds:
    def test_domains_and_networks_of_restricted_sites_only(
        self, load: Load, policy: dict[str, Any]
    ) -> None:
        rules = load(policy)
        assert set(rules.restricted_domains()) == {"facebook.com", "fbcdn.net", "tiktok.com"}
        assert {str(network) for network in rules.restricted_networks()} == {
            "31.13.24.0/21",
            "2a03:2880::/32",
        }

    def test_what_could_show_a_restricted_site_is_there_as_long_as_there_is_one(
        self, load: Load, policy: dict[str, Any]
    ) -> None:
        rules = load(policy)
        assert {"web.archive.org", "translate.goog"} <= rules.mirrors
        assert rules.telling_paths == ()  # this catalogue knows no fediverse
        nothing = replace(rules, restricted=frozenset())
        assert not nothing.mirrors
        assert "/api/v1/timelines/" in replace(rules, restricted={"mastodon"}).telling_paths
