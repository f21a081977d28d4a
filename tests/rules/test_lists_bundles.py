"""A list is found in a file, a folder or an archive, and the part that is wanted in it."""

import gzip
import hashlib
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from rules.lists import bundles
from rules.lists.bundles import Recipe, open_bundle, open_each
from rules.lists.entries import Entry, ListError
from rules.lists.formats import Format

UT1 = {
    "social/domains": "larch.example\noak.example\n",
    "social/urls": "wood.example/social\n",
    "social/expressions": "(^|[/.])larch\n",
    "dating/domains": "elm.example\n",
    "README": "about these lists\n",
}
V2FLY = {
    "data/trees": "include:larch\nash.example\n",
    "data/larch": "larch.example\nads.larch.example @ads\n",
    "README.md": "about these lists\n",
    ".hidden": "x",
}


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[dict[str, str]], Path]:
    def folder(files: dict[str, str]) -> Path:
        root = tmp_path / "from"
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        return root

    return folder


def texts(path: Path, recipe: Recipe, name: str = "trees") -> tuple[Format, list[str]]:
    bundle = open_bundle(path, name, recipe, path.parent / "work", lambda _: None)
    return bundle.format, [one.text for one in bundle.entries if isinstance(one, Entry)]


Folder = Callable[[dict[str, str]], Path]


@pytest.mark.parametrize(
    ("files", "recipe", "format_", "expected"),
    [
        (
            UT1,
            Recipe(parts=("social",)),
            Format.SQUIDGUARD,
            ["larch.example", "oak.example", "wood.example/social"],
        ),
        (UT1, Recipe(parts=("dating",)), Format.SQUIDGUARD, ["elm.example"]),
        (UT1, Recipe(Format.SQUIDGUARD, ("dating",)), Format.SQUIDGUARD, ["elm.example"]),
        ({"s/domains": "elm.example"}, Recipe(), Format.SQUIDGUARD, ["elm.example"]),
        ({"domains": "elm.example"}, Recipe(), Format.SQUIDGUARD, ["elm.example"]),
        ({"domains": "elm.example"}, Recipe(parts=("trees",)), Format.SQUIDGUARD, ["elm.example"]),
        (
            V2FLY,
            Recipe(parts=("trees",)),
            Format.V2FLY,
            ["larch.example", "ads.larch.example", "ash.example"],
        ),
        (
            V2FLY,
            Recipe(parts=("larch @-ads", "larch @ads")),
            Format.V2FLY,
            ["larch.example", "ads.larch.example"],
        ),
        (
            {"a": "0.0.0.0 a.example", "b": "0.0.0.0 b.example"},
            Recipe(Format.HOSTS),
            Format.HOSTS,
            ["a.example", "b.example"],
        ),
        (
            {"a": "0.0.0.0 a.example", "b": "0.0.0.0 b.example"},
            Recipe(Format.HOSTS, ("b",)),
            Format.HOSTS,
            ["b.example"],
        ),
    ],
)
def test_the_wanted_part_of_a_folder_is_read(
    folder: Folder, files: dict[str, str], recipe: Recipe, format_: Format, expected: list[str]
) -> None:
    assert texts(folder(files), recipe) == (format_, expected)


def test_an_archive_is_read_as_its_folder_and_known_by_its_own_checksum(
    folder: Folder, tmp_path: Path
) -> None:
    path = tmp_path / "social.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder(UT1), "blacklists")
    bundle = open_bundle(path, "ut1", Recipe(parts=("social",)), tmp_path / "w", lambda _: None)
    assert next(one.text for one in bundle.entries if isinstance(one, Entry)) == "larch.example"

    assert bundle.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("files", "recipe", "message"),
    [
        (
            UT1,
            Recipe(),
            "trees has several categories; name what you want with --part: dating, social.",
        ),
        (UT1, Recipe(parts=("socia",)), "trees has no category 'socia'. Did you mean 'social'?"),
        (V2FLY, Recipe(), "trees is a folder; name the lists you want with --part: larch, trees."),
        (V2FLY, Recipe(parts=("larsh",)), "trees has no list 'larsh'. Did you mean 'larch'?"),
        (V2FLY, Recipe(Format.SQUIDGUARD), "trees has no file called 'domains' or 'urls' in it."),
        (V2FLY, Recipe(Format.HOSTS, ("x",)), "trees has no file 'x'. It can be: "),
        ({".x": ""}, Recipe(), "trees has no files in it."),
    ],
)
def test_a_folder_without_the_wanted_part_says_what_it_has(
    folder: Folder, files: dict[str, str], recipe: Recipe, message: str
) -> None:
    with pytest.raises(ListError) as caught:
        texts(folder(files), recipe)
    assert str(caught.value).startswith(message)


def test_many_parts_are_not_all_named(folder: Folder) -> None:
    with pytest.raises(ListError, match=r"l11, … \(30 in all\)\.$"):
        texts(folder({f"l{n:02}": "a.example" for n in range(30)}), Recipe())


@pytest.mark.parametrize(
    ("text", "recipe", "expected"),
    [
        ("larch.example\n", Recipe(), (Format.DOMAINS, ["larch.example"])),
        ("tree\nlarch.example\n", Recipe(Format.CSV, (), "tree"), (Format.CSV, ["larch.example"])),
        ("full:larch.example\n", Recipe(), (Format.V2FLY, ["larch.example"])),
        ("a.example @ads\nb.example\n", Recipe(parts=("x @ads",)), (Format.V2FLY, ["a.example"])),
    ],
)
def test_a_single_file_is_read(
    tmp_path: Path, text: str, recipe: Recipe, expected: tuple[Format, list[str]]
) -> None:
    path = tmp_path / "list"
    path.write_text(text, encoding="utf-8")
    assert texts(path, recipe) == expected


@pytest.mark.parametrize(
    ("text", "recipe", "message"),
    [
        (
            "a.example\n",
            Recipe(parts=("x",)),
            "trees is one list, so there is no part of it to name.",
        ),
        (
            "full:a.example",
            Recipe(parts=("x", "y")),
            "trees is one list, so there is no second part ",
        ),
        ("include:other", Recipe(), "trees:1: there is no list 'other'."),
    ],
)
def test_a_single_file_has_no_parts(
    tmp_path: Path, text: str, recipe: Recipe, message: str
) -> None:
    path = tmp_path / "list"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ListError) as caught:
        texts(path, recipe)
    assert str(caught.value).startswith(message)


def test_what_is_not_there_or_no_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ListError, match=r"^There is no trees\.$"):
        texts(tmp_path / "gone", Recipe())
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ListError, match=r"^trees is neither a file nor a folder\.$"):
        texts(tmp_path / "pipe", Recipe())


def test_folders_have_bounds(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    root = folder({"a": "x" * 50, "b": "0.0.0.0 a.example"})
    monkeypatch.setattr(bundles, "MOST_BYTES", 60)
    with pytest.raises(ListError, match=r"^trees is too large; a list has at most 60 bytes\.$"):
        texts(root, Recipe(Format.HOSTS))
    monkeypatch.setattr(bundles, "MOST_FILES", 1)
    with pytest.raises(ListError, match=r"^trees has more than 1 files in it\.$"):
        texts(root, Recipe(Format.HOSTS))


def test_a_file_that_goes_while_it_is_measured_says_so(tmp_path: Path) -> None:
    with pytest.raises(ListError, match=r"^x cannot be read: No such file or directory\.$"):
        bundles._measured([tmp_path / "gone"], tmp_path, "x")


@pytest.mark.parametrize(
    ("files", "recipe", "expected"),
    [
        (V2FLY, Recipe(), {"larch": 2, "trees": 1}),
        (V2FLY, Recipe(parts=("trees",)), {"larch": 2, "trees": 1}),
        (V2FLY, Recipe(parts=("larch @ads",)), {"larch": 2}),
        (UT1, Recipe(), {"dating": 1, "social": 3}),
        (UT1, Recipe(parts=("dating", "gone")), {"dating": 1, "gone": 0}),
        ({"domains": "a.example", "x": ""}, Recipe(), {"trees": 1}),
        ({"a": "a.example", "b": ""}, Recipe(Format.DOMAINS), {"a": 1, "b": 0}),
    ],
)
def test_each_list_of_a_folder_can_be_had(
    folder: Folder, files: dict[str, str], recipe: Recipe, expected: dict[str, int]
) -> None:
    each = open_each(folder(files), "trees", recipe, Path("unused"), lambda _: None)
    counts = {name: sum(isinstance(one, Entry) for one in found) for name, found in each}
    assert counts == expected


def test_each_list_of_a_file_is_the_file(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("larch.example\n", encoding="utf-8")
    each = open_each(path, str(path), Recipe(), tmp_path / "work", lambda _: None)
    assert [(name, len(list(found))) for name, found in each] == [("list.txt", 1)]


def test_an_archive_of_one_compressed_list_is_that_list(tmp_path: Path) -> None:

    path = tmp_path / "list.gz"
    path.write_bytes(gzip.compress(b"larch.example\n"))
    assert texts(path, Recipe()) == (Format.DOMAINS, ["larch.example"])
