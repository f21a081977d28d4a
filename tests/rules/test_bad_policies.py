"""Bad policies and exactly what is said about each.

Each row is a change to a good policy, line by line as a person would make it.
"""

# ruff: noqa: E501 - messages are compared whole, and a table is read across

from collections.abc import Callable

import pytest

from rules.faults import PolicyError
from rules.policy import Policy

GOOD = """\
school:
  name: A Small School
  contacts:
    head: {name: Rowan Example, email: head@school.example}
    senior-teacher: {name: Hazel Example, email: senior@school.example}
    chair: {name: Linden Example, email: chair@school.example}
    it: {name: Sage Example, email: it@school.example}
clauses:
  purposes: {heading: Personal use, text: For school purposes only.}
people:
  a.larch: {name: Ash Larch, role: employee, groups: [office], addresses: [10.0.0.7]}
  b.pine: {name: Bay Pine, role: governor}
  d.reed: {name: Daisy Reed, role: pupil}
restricted: [social-networking]
purposes:
  page:
    title: the school's page
    who: [office]
    sites: [facebook]
    when: Mon-Fri 08:30-15:45
    owner: b.pine
    review: 2027-09-01
"""

TABLE: list[tuple[str, str, str, str]] = [
    ("an entry misspelt", "restricted: [", "restrict: [",
     "policy.yaml:1: 'restricted' is missing. Add 'restricted:', the categories and sites that open only for a school purpose.\n"
     "policy.yaml:14: restrict: There is no entry 'restrict' here. Did you mean 'restricted'?"),
    ("a site misspelt", "[facebook]", "[facebok]",
     "policy.yaml:19: purposes.page.sites[0]: 'facebok' is not a site. Did you mean 'facebook'?"),
    ("a group nobody has heard of", "who: [office]", "who: [ofice]",
     "policy.yaml:18: purposes.page.who[0]: 'ofice' is not a person, a group or a role. Did you mean 'office'?"),
    ("an owner who has left", "owner: b.pine", "owner: c.fir",
     "policy.yaml:21: purposes.page.owner: 'c.fir' is not a person. It can be: a.larch, b.pine, d.reed."),
    ("a role that is none", "role: governor", "role: gouvernor",
     "policy.yaml:12: people.b.pine.role: 'gouvernor' is not a role. Did you mean 'governor'?"),
    ("a purpose for a pupil", "who: [office]", "who: [d.reed]",
     "policy.yaml:18: purposes.page.who[0]: No purpose opens a restricted site to a pupil, and 'd.reed' is one. Name members of staff, or a group of theirs."),
    ("an hour that does not exist", "08:30-15:45", "08:30-25:00",
     "policy.yaml:20: purposes.page.when: '25:00' is not a time of day; write it like '08:30'."),
    ("hours the wrong way round", "08:30-15:45", "15:45-08:30",
     "policy.yaml:20: purposes.page.when: '15:45-08:30' ends before it begins; for a night, write one line for each day."),
    ("overlapping days", "Mon-Fri 08:30-15:45", "Mon-Wed, Wed-Fri 08:30-15:45",
     "policy.yaml:20: purposes.page.when: 'Mon-Wed, Wed-Fri' names Wednesday twice."),
    ("overlapping hours", "when: Mon-Fri 08:30-15:45", "when: [Mon 08:30-12:00, Mon-Fri 11:00-13:00]",
     "policy.yaml:20: purposes.page.when[1]: These hours (Monday to Friday, 11:00 to 13:00) overlap others here (Monday, 08:30 to 12:00). Write each hour once, so that nobody mends one line and misses the other."),
    ("school days without a calendar", "Mon-Fri 08:30", "school days 08:30",
     "policy.yaml:20: purposes.page.when: 'school days' needs the school's calendar, and there is none. Add 'calendar:' with the terms, or write days and hours."),
    ("a date that does not exist", "2027-09-01", "2027-09-31",
     "policy.yaml:22: purposes.page.review: There is no such day as 2027-09-31."),
    ("an entry twice", "    owner: b.pine\n", "    owner: b.pine\n    owner: a.larch\n",
     "policy.yaml:22: purposes.page.owner: The name 'owner' is here twice; the first is on line 21. Keep one of them."),
    ("a number for a name", "name: Ash Larch", "name: 007",
     "policy.yaml:11: people.a.larch.name: This should be a text, not a number. Put quotes round it: '007'."),
    ("an address of two people", "role: governor}", "role: governor, addresses: [10.0.0.7]}",
     "policy.yaml:12: people.b.pine.addresses[0]: 10.0.0.7 is already an address of a.larch. An address tells people apart, so it belongs to one person."),
    ("somebody else's domain", "restricted:", "sites:\n  own: {name: Own, domains: [m.facebook.com]}\nrestricted:",
     "policy.yaml:15: sites.own.domains[0]: m.facebook.com already belongs to Facebook. Each domain and network belongs to one site; take it out of one of them."),
    ("a public suffix", "restricted:", "sites:\n  own: {name: Own, domains: [sch.uk]}\nrestricted:",
     "policy.yaml:15: sites.own.domains[0]: 'sch.uk' is shared by everyone who registers a name below it; name the site's own domain, like 'example.sch.uk'."),
    ("a whole content network", "restricted:", "sites:\n  own: {name: Own, domains: [fastly.net]}\nrestricted:",
     "policy.yaml:15: sites.own.domains[0]: 'fastly.net' is a content network that thousands of sites share; name the site's own part of it, like 'example.fastly.net'."),
    ("an owner who is a pupil", "owner: b.pine", "owner: d.reed",
     "policy.yaml:16: purposes.page.owner: Daisy Reed is a pupil, and pupils decide nothing here. Name a member of staff."),
    ("a pupil who authorises cases", "restricted:", "cases:\n  authorised-by: [a.larch, d.reed]\n  about-them: b.pine\n  grounds: {time: {title: Time}}\nrestricted:",
     "policy.yaml:15: cases.authorised-by[1]: Daisy Reed is a pupil, and pupils decide nothing here. Name a member of staff."),
    ("a pupil who authorises cases about those", "restricted:", "cases:\n  authorised-by: [a.larch]\n  about-them: d.reed\n  grounds: {time: {title: Time}}\nrestricted:",
     "policy.yaml:16: cases.about-them: Daisy Reed is a pupil, and pupils decide nothing here. Name a member of staff."),
    ("a path with '*' in its host", "    owner:", "    paths: ['*.facebook.com/Elm']\n    owner:",
     "policy.yaml:21: purposes.page.paths[0]: '*.facebook.com' is not a host; write it like 'facebook.com'. Leave '*.' out: a host counts with everything below it."),
    ("a path on another site", "    owner:", "    paths: [tiktok.com/school]\n    owner:",
     "policy.yaml:21: purposes.page.paths[0]: 'tiktok.com' is not part of Facebook. Begin with '/', or with a host of the purpose's own sites."),
    ("a tab", "  name: A Small School", "\tname: A Small School",
     "policy.yaml:2: This line is indented with a tab. Indent with spaces."),
    ("a bracket left open", "[facebook]", "[facebook",
     "policy.yaml:20: This is not YAML: did not find expected ',' or ']'. Look for a missing colon, quote or space above here."),
    ("a test of nobody's", "restricted:", "tests:\n  - {who: c.fir, when: 2026-11-23 10:00, what: 'https://x.com', expect: opens, why: so}\nrestricted:",
     "policy.yaml:15: tests[0].who: 'c.fir' is not a person, or nobody. It can be: a.larch, b.pine, d.reed, nobody."),
    ("a case about oneself", "restricted:", "cases:\n  authorised-by: [b.pine]\n  about-them: b.pine\n  grounds: {}\nrestricted:",
     "policy.yaml:16: cases.about-them: b.pine would authorise a case about themselves. Name somebody who is not in 'authorised-by', such as the chair of governors."),
    ("a file that is not there", "restricted:", "include: [purposes.yaml]\nrestricted:",
     "policy.yaml:14: include[0]: 'purposes.yaml' cannot be used: There is no such file. Check its name."),
    ("a site by its address", "[facebook]", "[https://www.facebook.com/]",
     "policy.yaml:19: purposes.page.sites[0]: 'https://www.facebook.com/' is not a short name in small letters. Did you mean 'facebook'?"),
    ("a category among sites", "[facebook]", "social-networking",
     "policy.yaml:19: purposes.page.sites: 'social-networking' is a category, and sites are named here one by one. Name the sites that are meant."),
    ("a group with a capital", "who: [office]", "who: Office",
     "policy.yaml:18: purposes.page.who: 'Office' is not a short name in small letters. Did you mean 'office'?"),
    ("a name that nobody could have", "who: [office]", "who: '*'",
     "policy.yaml:18: purposes.page.who: '*' is not a short name in small letters. Use small letters, figures, dots and hyphens, as in 'a.larch'."),
    ("several without brackets", "who: [office]", "who: office, governor",
     "policy.yaml:18: purposes.page.who: 'office, governor' looks like several people, groups or roles. Put brackets round them: [office, governor]."),
    ("a hyphen without its space", "restricted: [social-networking]", "restricted:\n  -social-networking",
     "policy.yaml:14: restricted: '-social-networking' is not a short name in small letters. Put a space after the hyphen that begins an entry of a list."),
    ("days and hours taken apart", "when: Mon-Fri 08:30-15:45", "when: [Mon-Fri, 08:30-15:45]",
     "policy.yaml:20: purposes.page.when[1]: These hours (08:30 to 15:45) overlap others here (Monday to Friday). Write days and their hours together, as in 'Mon-Fri 08:30-15:45'."),
    ("a path by its address", "    owner:", "    paths: https://www.facebook.com/school\n    owner:",
     "policy.yaml:21: purposes.page.paths: 'https://www.facebook.com/school' has a scheme in front. Leave out 'https://', as in 'www.facebook.com/our-school'."),
    ("a length without its unit", "restricted:", "retention: {events: 90}\nrestricted:",
     "policy.yaml:14: retention.events: '90' is not a length of time; write it like '90 days' or '12 months'."),
    ("a list nobody has imported", "restricted:", "lists:\n  bets: {name: A betting site, categories: betting}\nrestricted:",
     "policy.yaml:15: lists.bets: This list has not been imported. Bring it in with 'schoolgate lists import bets WHERE'."),
    ("people as a list", "people:\n  a.larch: {name: Ash Larch, role: employee, groups: [office], addresses: [10.0.0.7]}\n  b.pine: {name: Bay Pine, role: governor}\n  d.reed: {name: Daisy Reed, role: pupil}\n",
     "people:\n  - {id: b.pine, name: Bay Pine, role: governor}\n",
     "policy.yaml:10: people: This should be people by name. Write 'name:' and indent below it.\n"
     "policy.yaml:16: purposes.page.who[0]: 'office' is not a person, a group or a role. It can be: agency, employee, governor, pupil, staff, visitor, volunteer.\n"
     "policy.yaml:19: purposes.page.owner: 'b.pine' is not a person."),
]  # fmt: skip


def test_the_good_policy_is_good(load: Callable[..., Policy]) -> None:
    assert load(GOOD).purposes[0].rule.line == 16


@pytest.mark.parametrize(("fault", "old", "new", "said"), TABLE, ids=[row[0] for row in TABLE])
def test_a_bad_policy_is_told_exactly_what_is_wrong(
    load: Callable[..., Policy], fault: str, old: str, new: str, said: str
) -> None:
    assert old in GOOD
    with pytest.raises(PolicyError) as refused:
        load(GOOD.replace(old, new, 1))
    assert str(refused.value) == said


def test_there_are_enough() -> None:
    assert len(TABLE) >= 24
