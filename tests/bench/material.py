"""What the rules' benchmark is about: a long list, a large policy, and requests, all from one seed.

The policy is a large school's: sixty people in twelve groups, and purposes for twenty of the
shipped social networks. Three purposes in four are for parts of a site, three in four for some
hours only, many of those on school days; a few name what may be done there or a last day. The
requests are of three kinds, and `mix` takes them in turn.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from rules.loading import SHIPPED_POLICY, SHIPPED_SITES

KINDS = ("unrelated", "listed", "purposes", "mix")
_GROUPS = 12
_PEOPLE = 60
_TOPS = ("com", "net", "org", "co.uk", "example", "de", "info", "io", "bet", "xyz")
_PARTS = [a + b for a in "bcdfghjklmnprstvw" for b in ("a", "e", "i", "o", "u", "an", "er", "is")]
# Sites with purposes; every other network of the catalogue is restricted without one.
_SITES = (
    *("facebook", "instagram", "threads", "x", "tiktok", "snapchat", "pinterest", "reddit"),
    *("tumblr", "linkedin", "mastodon", "bluesky", "vk", "ok", "weibo", "nextdoor", "bereal"),
    *("gab", "myspace", "lemon8"),
)
_HOURS = (
    "Mon-Fri 08:00-17:00",
    "school days 08:00-18:00",
    "school days, breaks",
    "school days, outside directed time",
    "term time 12:00-13:30",
    "Tue and Thu 15:45-17:30",
    "directed time",
    "Sun 10:00-12:00",
)


class Asked(NamedTuple):
    """A request of the benchmark. `person` is empty where nobody is known."""

    host: str
    path: str
    method: str
    person: str


@dataclass(frozen=True)
class Settings:
    """How much of everything there is."""

    domains: int = 1_000_000
    purposes: int = 100
    requests: int = 60_000  # of each kind
    paths: int = 20_000  # different ones, the first of them the most common
    seed: int = 20261122


def make(folder: Path, settings: Settings) -> None:
    """Writes the policy and its list into a folder, and the requests beside them."""
    dice = random.Random(settings.seed)
    domains = _domains(dice, settings.domains)
    (folder / "lists").mkdir()
    (folder / "lists" / "listed.txt").write_text("\n".join(domains) + "\n")
    (folder / "policy.yaml").write_text(yaml.safe_dump(_policy(dice, settings), sort_keys=False))
    paths = [_path(dice) for _ in range(settings.paths)]
    listed, social = set(domains), _domains_with_purposes()
    asked = {
        "unrelated": [_to(dice, _unlisted(dice, listed), paths) for _ in range(settings.requests)],
        "listed": [_to(dice, dice.choice(domains), paths) for _ in range(settings.requests)],
        "purposes": [_to(dice, dice.choice(social), paths) for _ in range(settings.requests)],
    }
    third = settings.requests // 3
    turns = zip(*(asked[kind][:third] for kind in KINDS[:3]), strict=True)
    asked["mix"] = [one for turn in turns for one in turn]
    for kind, requests in asked.items():
        (folder / f"{kind}.tsv").write_text("".join("\t".join(one) + "\n" for one in requests))


def read(folder: Path, kind: str) -> list[Asked]:
    """Gives the requests of one kind back."""
    lines = (folder / f"{kind}.tsv").read_text().splitlines()
    return [Asked(*line.split("\t")) for line in lines]


def _domains(dice: random.Random, number: int) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < number:
        found[_name(dice)] = None
    return list(found)


def _name(dice: random.Random) -> str:
    word = "".join(dice.choices(_PARTS, k=dice.randint(3, 6)))
    number = str(dice.randrange(100)) if dice.random() < 0.3 else ""
    below = "shop." if dice.random() < 0.05 else ""
    return f"{below}{word}{number}.{dice.choice(_TOPS)}"


def _unlisted(dice: random.Random, listed: set[str]) -> str:
    while (name := _name(dice)) in listed:
        pass
    return name


def social_domains() -> list[str]:
    """The domains of all networks that the policy restricts."""
    return [
        domain
        for site in _shipped().values()
        if "social-networking" in site["categories"]
        for domain in site["domains"]
    ]


def _domains_with_purposes() -> list[str]:
    """The first domains of each site with purposes: what people see, and what it fetches."""
    shipped = _shipped()
    return [domain for site in _SITES for domain in shipped[site]["domains"][:3]]


def _shipped() -> dict[str, Any]:
    shipped: dict[str, Any] = {}
    for path in sorted(SHIPPED_SITES.glob("*.yaml")):
        shipped |= yaml.safe_load(path.read_text())
    return shipped


def _path(dice: random.Random) -> str:
    steps = dice.choices(("school", "login", "ajax", "groups", "photos", "u", "watch"), k=2)
    return "/" + "/".join([*steps[: dice.randint(0, 2)], "".join(dice.choices(_PARTS, k=4)), ""])


def _to(dice: random.Random, domain: str, paths: list[str]) -> Asked:
    host = dice.choice(("", "", "www.", "www.", "cdn.static.")) + domain
    if dice.random() < 0.3:  # the parts that purposes open
        path = dice.choice(("/our-school", "/login", "/ajax/feed/more", "/class-3/posts/17"))
    else:
        path = paths[min(int(dice.paretovariate(0.7)) - 1, len(paths) - 1)]
    person = f"person.{dice.randrange(_PEOPLE)}" if dice.random() < 0.95 else ""
    return Asked(host, path, "POST" if dice.random() < 0.1 else "GET", person)


def _policy(dice: random.Random, settings: Settings) -> dict[str, Any]:
    shipped = yaml.safe_load(SHIPPED_POLICY.read_text())
    people = {
        f"person.{n}": {
            "name": f"Person {n}",
            "role": ("employee", "employee", "governor", "volunteer", "visitor", "agency")[n % 6],
            "groups": sorted({f"group-{n % _GROUPS}", f"group-{n * 7 % _GROUPS}"}),
        }
        for n in range(_PEOPLE)
    }
    return {
        "school": shipped["school"],
        "clauses": shipped["clauses"],
        "categories": {
            **shipped["categories"],
            "listed": {"name": "site on a list"},
        },
        "groups": {f"group-{n}": {"title": f"Group {n}"} for n in range(_GROUPS)},
        "people": people,
        "restricted": [*shipped["restricted"], "listed"],
        "lists": {"listed": {"name": "A listed site", "categories": ["listed"]}},
        "calendar": shipped["calendar"],
        "purposes": {f"purpose-{n}": dict(_purpose(dice, n)) for n in range(settings.purposes)},
    }


def _purpose(dice: random.Random, number: int) -> Iterator[tuple[str, Any]]:
    yield "title", f"the school's purpose {number}"
    who = [f"group-{n}" for n in dice.sample(range(_GROUPS), dice.randint(1, 3))]
    yield "who", ["staff"] if number % 10 == 0 else who
    sites = dice.sample(_SITES, dice.randint(1, 4))
    yield "sites", sites
    if number % 4:
        paths = ["/our-school", "/login", "/ajax/*", "/class-3", "/api/*/upload"]
        paths += ["fbcdn.net/*"] if "facebook" in sites else []
        yield "paths", dice.sample(paths, dice.randint(1, len(paths)))
    if number % 4 != 2:
        yield "when", [dice.choice(_HOURS), *(["Sat 09:00-12:00"] if number % 5 == 0 else [])]
    if number % 9 == 0:
        yield "actions", ["view", "post"]
    if number % 12 == 0:
        yield "until", f"2026-{dice.randint(10, 12)}-15"
    yield "owner", "person.0"
    yield "review", "2027-09-01"
