"""A policy from its files: read safely, checked as a whole, with every fault reported together.

Three steps, each of which goes on as far as it can: files into nodes (`rules.gathering`), nodes
into forms (`rules.shapes`, `rules.forms`), forms against each other (`rules.checks`). Only when
none of them found a fault is a Policy built.
"""

from collections.abc import Mapping
from pathlib import Path

from rules.building import build_policy
from rules.checks import ROLE_WORDS, check_policy
from rules.faults import Fault, PolicyError
from rules.forms import PEOPLE, POLICY
from rules.gathering import NO_COPIES, Gathering
from rules.long_lists import LongList, read_long_list
from rules.nodes import Node
from rules.policy import Policy
from rules.reading import Reading, Shape, Unreadable
from rules.site_forms import SITES, SiteForm

__all__ = ["SHIPPED_POLICY", "SHIPPED_SITES", "Fault", "PolicyError", "load_policy"]

SHIPPED_POLICY = Path(__file__).parent / "policy" / "school.yaml"
SHIPPED_SITES = Path(__file__).parent / "sites"

# What a reference is, in words, and where the name may be declared.
_REFERENCES = {
    "person": ("a person", ("person",)),
    "site": ("a site", ("site",)),
    "clause": ("a clause", ("clause",)),
    "who": ("a person, a group or a role", ("person", "group", "role")),
    "tester": ("a person, or nobody", ("person", "nobody")),
    "restricted": ("a category or a site", ("category", "site")),
}


def load_policy(
    path: Path,
    sites: Path = SHIPPED_SITES,
    lists: Path | None = None,
    copies: Mapping[Path, Path] = NO_COPIES,
) -> Policy:
    """Load a policy, with the catalogue of sites from a folder, and imported lists from another.

    `lists` holds a file `NAME.txt` for each of the policy's `lists`, one domain a line; without it
    they are looked for in a folder `lists` beside the policy. `copies` says which files to read
    from a copy, and where that is; then everything but the catalogue has to be among them, and all
    that is said of the policy names its own files.

    Raises PolicyError, and nothing else, with every fault that there is: in the YAML, in the
    entries, between the entries, or in the files themselves (missing, unreadable, too large).
    """
    reading = Reading()
    faults = reading.faults
    gathering = Gathering(faults, copies)
    reading.declare("role", ROLE_WORDS)
    reading.declare("nobody", ("nobody",))
    shipped = _catalogue(gathering, reading, sites)
    node = gathering.policy(path)
    reading.parts_missing = gathering.parts_missing
    if gathering.parts_missing:
        reading.lost |= POLICY.declares()
    if gathering.people_missing:
        reading.lost |= PEOPLE.declares()
    form = _read(node, POLICY, reading)
    reading.check_references(_REFERENCES)
    listed: dict[str, LongList] = {}
    if form is not None:
        check_policy(form, shipped, faults)
        folder = lists or path.parent / "lists"
        for list_id, long_list in form.lists.items():
            listed[list_id] = read_long_list(gathering, folder / f"{list_id}.txt", long_list.spot)
    faults.raise_if_any(gathering.asked)
    assert form is not None
    return build_policy(form, shipped, listed, gathering.digest.hexdigest(), tuple(gathering.files))


def _read[T](node: Node | None, shape: Shape[T], reading: Reading) -> T | None:
    try:
        if node is not None:
            return shape.read(node, reading)
    except Unreadable:
        pass
    reading.lost |= shape.declares()
    return None


def load_catalogue(folder: Path) -> Mapping[str, SiteForm]:
    """Load the catalogue of sites alone. Raises PolicyError with every fault that there is."""
    reading = Reading()
    entries = _catalogue(Gathering(reading.faults), reading, folder)
    reading.faults.raise_if_any()
    return entries


def _catalogue(gathering: Gathering, reading: Reading, folder: Path) -> Mapping[str, SiteForm]:
    """Read every file of the catalogue, in the order of their names."""
    entries: dict[str, SiteForm] = {}
    for path in sorted(folder.glob("*.yaml")):
        node = gathering.nodes(path, f"sites/{path.name}")
        for site_id, site in (_read(node, SITES, reading) or {}).items():
            if (first := entries.setdefault(site_id, site)) is not site:
                reading.faults.add(
                    site.spot,
                    f"'{site_id}' is in the catalogue twice; it is also in {first.spot.file}.",
                    "Keep one entry for each site.",
                )
            for domain in site.domains:
                reading.also_called.setdefault(domain.value, site_id)
                reading.also_called.setdefault(domain.value.partition(".")[0], site_id)
    return entries
