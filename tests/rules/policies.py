"""A small policy with one of each entry, for tests to change."""

from pathlib import Path
from typing import Any

from hypothesis import strategies as st

DATA = Path(__file__).parent / "data"
SITES = DATA / "sites"


def small_policy() -> dict[str, Any]:
    """A policy with one of each, as plain values."""
    contact = {"name": "Rowan Example", "email": "rowan@school.example"}
    return {
        "school": {
            "name": "A Small School",
            "contacts": {
                "head": dict(contact),
                "senior-teacher": dict(contact),
                "chair": dict(contact),
                "it": dict(contact, phone="01632 960 001", title="The technician"),
            },
        },
        "clauses": {"purposes": {"heading": "Personal use", "text": "For school purposes only."}},
        "people": {
            "a.larch": {
                "name": "Ash Larch",
                "role": "employee",
                "groups": ["office"],
                "addresses": ["10.0.0.7", "fd00::7"],
            },
            "b.pine": {"name": "Bay Pine", "role": "governor"},
            "c.moss": {"name": "Clover Moss", "role": "visitor"},
            "d.reed": {"name": "Daisy Reed", "role": "pupil", "groups": ["year-6"]},
        },
        "restricted": ["social-networking"],
        "purposes": {
            "page": {
                "title": "the school's page",
                "who": ["office"],
                "sites": ["facebook"],
                "paths": ["/school", "fbcdn.net/*"],
                "when": ["Mon-Fri 08:30-15:45"],
                "owner": "b.pine",
                "review": "2027-09-01",
                "clause": "purposes",
            }
        },
    }


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
WORDS = st.sampled_from(
    ["facebook", "staff", "a.larch", "office", "Mon-Fri 08:30-15:45", "2027-01-01", "/x", "*", "&a"]
)
ANYTHING = st.recursive(
    SCALARS | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


@st.composite
def broken_policies(draw: st.DrawFn) -> Any:
    """The small policy with any one entry anywhere replaced by anything."""
    policy = small_policy()
    inner: Any = policy
    while True:
        key = draw(st.sampled_from(sorted(inner)) if isinstance(inner, dict) else st.just(0))
        if not inner[key] or not isinstance(inner[key], dict | list) or draw(st.booleans()):
            inner[key] = draw(ANYTHING)
            return policy
        inner = inner[key]
