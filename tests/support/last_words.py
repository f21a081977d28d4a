"""What failed, said last and in few lines, for whoever sees only the end of the output."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

LINES = 30
"""Lines for all failures together; each has three at least."""
WIDTH = 200


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Notes on the report of a failed lab test what its variables were: nobody can look again."""
    report = yield
    if report.failed and call.excinfo and item.get_closest_marker("lab"):
        frames = [entry for entry in call.excinfo.traceback if Path(entry.path) == item.path]
        if frames:
            report.variables = list(_told(frames[-1].locals))  # type: ignore[attr-defined]
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: Any) -> Generator[None]:
    """Comes after pytest's own summary."""
    yield
    stats = terminalreporter.stats
    failed = [*stats.get("failed", ()), *stats.get("error", ())]
    if failed:
        terminalreporter.write_sep("=", "what failed")
    for report in failed:
        room = max(3, LINES // len(failed) - 1)
        head, *rest = _words(report)
        terminalreporter.write_line(head, bold=True)
        for line in rest[:room]:
            terminalreporter.write_line(f"    {line}"[:WIDTH])


def _words(report: Any) -> Iterator[str]:
    """The test's name, where in it, what was wrong, and what its variables were."""
    name, _, _ = report.nodeid.partition("@")
    yield name if report.when in ("call", None) else f"{name} ({report.when})"
    long = report.longrepr
    if not hasattr(long, "reprcrash"):
        yield from str(long).splitlines()[-6:]
        return
    file = name.partition("::")[0]
    for entry in reversed(getattr(long.reprtraceback, "reprentries", ())):
        place = getattr(entry, "reprfileloc", None)
        if place and str(place.path).endswith(file) and entry.lines:
            yield f"{place.path}:{place.lineno}: {entry.lines[0].strip()}"
            break
    message = long.reprcrash.message.splitlines() if long.reprcrash else ["?"]
    yield from (f"E {line}" for line in message[:8])
    yield from getattr(report, "variables", ())


def _told(variables: dict[str, Any]) -> Iterator[str]:
    for name, value in variables.items():
        if not name.startswith(("@", "_")):
            try:
                yield f"{name} = {value!r}"[:WIDTH]
            except Exception as error:  # a broken repr must not hide what failed
                yield f"{name} cannot be shown: {error!r}"[:WIDTH]
