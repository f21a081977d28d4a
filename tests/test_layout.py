"""The shape of the project itself: where packages come from, what they may be called and import."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("addon", "rules", "scripts", "storage")
FIXED = {*PACKAGES, "tests", "pyproject.toml", "README.md"}
BESIDE = {"LICENSE", "requirements.lock"}


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [Path(name) for name in listed.stdout.split("\0") if name]


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_is_this_checkouts(package: str) -> None:
    module = importlib.import_module(package)
    assert Path(str(module.__file__)).parent == ROOT / package


def test_no_module_is_called_as_one_of_the_standard_library() -> None:
    modules = {path.stem for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    assert not (modules - {"__init__"}) & sys.stdlib_module_names


def test_the_top_level_is_what_was_agreed() -> None:
    top = {path.parts[0] for path in tracked()}
    assert {name for name in top if not name.startswith(".")} <= FIXED | BESIDE
    assert top >= FIXED


def test_every_package_is_listed_for_installation() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    listed = set(settings["tool"]["setuptools"]["packages"])
    found = {
        ".".join(path.parent.parts)
        for path in tracked()
        if path.name == "__init__.py" and path.parts[0] in PACKAGES
    }
    assert listed == found


def test_imports_run_one_way() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_locks_pin_every_package_by_hash_and_name_no_index() -> None:
    for lock in (ROOT / "requirements.lock", ROOT / "tests" / "requirements.lock"):
        text = lock.read_text()
        assert "://" not in text
        assert "--index" not in text
        requirements = [line for line in text.splitlines() if line and not line.startswith(" ")]
        assert all("==" in line and line.endswith("\\") for line in requirements)
