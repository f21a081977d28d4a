"""The reference of the language leaves no entry out, and its example works."""

import re
from pathlib import Path

from rules.forms import POLICY
from rules.loading import SHIPPED_POLICY, load_policy
from rules.proof import load_proven_policy
from rules.reading import Schema

REFERENCE = SHIPPED_POLICY.parent.parent / "LANGUAGE.md"


def words_of(schema: Schema) -> set[str]:
    """Every entry and every fixed word in a schema, however deep."""
    words = {*schema.get("properties", {}), *schema.get("enum", [])}
    for inner in schema.get("properties", {}).values():
        words |= words_of(inner)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            words |= words_of(schema[key])
    for inner in schema.get("anyOf", []):
        words |= words_of(inner)
    return words


def test_every_entry_and_every_fixed_word_is_in_the_reference() -> None:
    written = set(re.findall(r"[a-z]+(?:-[a-z]+)*|[A-Z]{3}", REFERENCE.read_text(encoding="utf-8")))
    assert words_of(POLICY.schema()) - written == set()


def test_its_example_loads_and_passes_its_own_tests(tmp_path: Path) -> None:
    [example] = re.findall(r"```yaml\n(.*?)```", REFERENCE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "school.yaml").write_text(example, encoding="utf-8")
    assert len(load_proven_policy(tmp_path / "school.yaml").trials) == 2


def test_it_names_every_category_of_the_catalogue() -> None:
    shipped = load_policy(SHIPPED_POLICY)
    text = REFERENCE.read_text(encoding="utf-8")
    categories = {category for site in shipped.catalogue for category in site.categories}
    assert all(f"`{category}`" in text for category in categories)
