"""Others' names in what somebody wrote, for a person whose own data it is."""

from __future__ import annotations

import pytest

from storage.masking import SOMEBODY, mask_of

OTHERS = {
    "hazel.example": "Hazel Example (fictitious)",
    "willow.example": "Mrs Willow Example (fictitious)",
    "m.obrien": "Mark O'Brien",
    "will.may": "Will May",
    "j.smith": "",
    "old.person": "",
    "x9": "",
}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Hazel Example and Mrs Willow told old.person.", "_ and _ told _."),
        ("HAZEL EXAMPLE (fictitious) agreed.", "_ agreed."),
        ("Hazel said so; ask WILLOW.", "_ said so; ask _."),
        ("hazel.example's idea, not fern.example's.", "_'s idea, not fern.example's."),
        ("H. Example and Mrs W Example", "_ and _"),
        ("J Smith, Mr Smith, Smith and mr. smith", "_, _, _ and _"),
        ("Mr M. O’Brien and O'BRIEN", "_ and _"),
        ("Old Person, and Miss Person", "_, and _"),
        ("Ask x9", "Ask _"),
        ("Dr Will May and Mr May", "_ and _"),
        # What is ordinary, the person's own, or part of another word stays.
        ("May she? Mark this: Will do. Grant of May. Person unknown.", None),
        ("Fern Example, F. Example, Ms Fern and Ms Example asked.", None),
        ("A hazel hedge, a willow, Hazelnut, smithy and Smithson.", None),
        ("The x90 bus", None),
    ],
)
def test_others_are_taken_out(text: str, left: str | None) -> None:
    mask = mask_of("fern.example", "Fern Example (fictitious)", OTHERS)
    assert mask(text) == (text if left is None else left.replace("_", SOMEBODY))


def test_without_others_nothing_changes() -> None:
    assert mask_of("fern.example", "Fern", {})("Hazel") == "Hazel"
    assert mask_of("fern", "Fern", {"": " "})("Hazel") == "Hazel"
