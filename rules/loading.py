"""A policy from its files: read safely, checked as a whole, with every fault reported together.

Three steps, each of which goes on as far as it can: files into nodes (`rules.nodes`), nodes into
forms (`rules.shapes`, `rules.forms`), forms against each other (`rules.checks`). Only when none of
them found a fault is a Policy built.
"""

import stat
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from rules.building import build_policy
from rules.checks import ROLE_WORDS, check_people, check_purposes, check_sites, check_wording
from rules.faults import Fault, FaultList, PolicyError, Spot
from rules.forms import POLICY, PolicyForm
from rules.nodes import MOST_BYTES, read_nodes
from rules.policy import Policy
from rules.shapes import Reading, Shape, Unreadable
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
    "restricted": ("a category or a site", ("category", "site")),
}


def load_policy(path: Path, sites: Path = SHIPPED_SITES) -> Policy:
    """Load a policy, with the catalogue of sites from a folder.

    Raises PolicyError, and nothing else, with every fault that there is: in the YAML, in the
    entries, between the entries, or in the files themselves (missing, unreadable, too large).
    """
    source = _Source(Reading())
    source.reading.declare("role", ROLE_WORDS)
    shipped = source.catalogue(sites)
    form = source.read(path, path.name, POLICY)
    faults = source.reading.faults
    source.reading.check_references(_REFERENCES)
    if form is not None:
        _check(form, shipped, faults)
    faults.raise_if_any()
    assert form is not None  # noqa: S101 - a form that could not be read has left a fault
    return build_policy(form, shipped, source.digest.hexdigest(), tuple(source.files))


def _check(form: PolicyForm, shipped: Mapping[str, SiteForm], faults: FaultList) -> None:
    every_site = {**shipped, **form.sites}
    check_people(form.people or {}, faults)
    check_sites(every_site, faults)
    check_purposes(form, every_site, faults)
    check_wording(vars(form.reasons).values(), faults)


class _Source:
    """The files of one policy as they are read, and their digest."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.files: list[Path] = []
        self.digest = sha256()

    def catalogue(self, folder: Path) -> dict[str, SiteForm]:
        """Read every file of the catalogue, in the order of their names."""
        entries: dict[str, SiteForm] = {}
        for path in sorted(folder.glob("*.yaml")):
            for site_id, site in (self.read(path, f"sites/{path.name}", SITES) or {}).items():
                if (first := entries.setdefault(site_id, site)) is not site:
                    self.reading.faults.add(
                        site.spot,
                        f"'{site_id}' is in the catalogue twice; it is also in {first.spot.file}.",
                        "Keep one entry for each site.",
                    )
        return entries

    def read[T](self, path: Path, label: str, shape: Shape[T]) -> T | None:
        """Read one file as a shape; None if nothing of it could be read, with the faults noted."""
        try:
            data = _bytes_of(path)
        except (OSError, ValueError) as error:
            self.reading.faults.add(
                Spot(label, 0), _why_unreadable(error), "Check the file's name."
            )
            return None
        self.files.append(path)
        self.digest.update(len(data).to_bytes(8) + data)
        node = read_nodes(data, label, self.reading.faults)
        if node is None:
            return None
        try:
            return shape.read(node, self.reading)
        except Unreadable:
            return None


def _bytes_of(path: Path) -> bytes:
    # Looked at before it is opened: opening a pipe waits for somebody to write into it.
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError
    if not stat.S_ISREG(mode):
        raise ValueError("special")
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)


def _why_unreadable(error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "There is no such file."
    if isinstance(error, IsADirectoryError):
        return "This is a folder, not a file."
    if isinstance(error, OSError):
        return f"The file cannot be read ({error.strerror})."
    return "This is not an ordinary file."
