"""A policy read from copies of its files: the same policy, said to be in the files themselves."""

from pathlib import Path

import pytest
import yaml

from rules.faults import PolicyError
from rules.loading import load_policy
from rules.policy import Policy
from tests.rules.policies import SITES, small_policy

MORE = "lists:\n  chats: {name: Chats, categories: [social-networking], source: ours}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A policy of every kind of file."""
    (tmp_path / "lists").mkdir()
    path = tmp_path / "policy.yaml"
    text = yaml.safe_dump(small_policy())
    path.write_text(text + "\ninclude: [more.yaml]\npeople-from: staff.csv\n")
    (tmp_path / "more.yaml").write_text(MORE)
    (tmp_path / "staff.csv").write_text("id,name,role\ne.fern,Fern,employee\n")
    (tmp_path / "lists" / "chats.txt").write_text("chat.example\n")
    return path


def copies_of(policy: Policy, folder: Path) -> dict[Path, Path]:
    folder.mkdir()
    copies = {}
    for number, path in enumerate(policy.files):
        if not path.is_relative_to(SITES):
            copies[path] = folder / str(number)
            copies[path].write_bytes(path.read_bytes())
    return copies


def test_the_files_themselves_may_be_gone_or_have_become_anything(
    path: Path, tmp_path: Path
) -> None:
    policy = load_policy(path, SITES)
    copies = copies_of(policy, tmp_path / "copies")
    path.unlink()
    path.symlink_to(path)
    (tmp_path / "more.yaml").unlink()
    (tmp_path / "more.yaml").symlink_to("/dev/zero")
    (tmp_path / "staff.csv").write_bytes(b"\0")
    (tmp_path / "lists" / "chats.txt").write_text("other.example\n")
    (tmp_path / "lists" / "chats.more").write_text("@192.0.2.0/24\n")
    again = load_policy(path, SITES, copies=copies)
    assert again.digest == policy.digest
    assert again.files == policy.files
    assert again.spots == policy.spots
    assert again.restricted_site("chat.example")
    assert not again.restricted_site("other.example")
    assert not again.restricted_network("192.0.2.1"), "it was not there when the copy was taken"


def test_a_fault_in_a_copy_is_said_of_the_file(path: Path, tmp_path: Path) -> None:
    copies = copies_of(load_policy(path, SITES), tmp_path / "copies")
    copies[tmp_path / "more.yaml"].write_text(f"nonsense: 1\n{MORE}")
    with pytest.raises(PolicyError) as refused:
        load_policy(path, SITES, copies=copies)
    assert str(refused.value).startswith("more.yaml:1: nonsense: There is no entry")


def test_a_list_that_was_not_copied_is_missing(path: Path, tmp_path: Path) -> None:
    copies = copies_of(load_policy(path, SITES), tmp_path / "copies")
    del copies[tmp_path / "lists" / "chats.txt"]
    with pytest.raises(PolicyError, match="has not been imported"):
        load_policy(path, SITES, copies=copies)


def test_an_error_says_which_files_were_looked_for(path: Path, tmp_path: Path) -> None:
    path.write_text(path.read_text().replace("[more.yaml]", "[more.yaml, gone.yaml]"))
    (tmp_path / "lists" / "chats.txt").unlink()
    with pytest.raises(PolicyError) as refused:
        load_policy(path, SITES)
    looked_for = {file.name for file in refused.value.files}
    assert {"policy.yaml", "more.yaml", "gone.yaml", "staff.csv"} <= looked_for
