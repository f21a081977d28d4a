"""What the supervisor does now and then, beside keeping its children running."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from scripts.chores import Chore
from scripts.supervisor import Child, Supervisor

CHILD = Child(
    "child", [sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(60)"]
)


def supervise(chore: Chore, until: Path) -> int:
    """Runs a supervisor with one child and a chore until a file is there, then stops it."""

    async def run() -> int:
        task = asyncio.create_task(Supervisor([CHILD], "ready", [chore]).run())
        for _ in range(3000):
            if until.exists() or task.done():
                break
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
        os.kill(os.getpid(), signal.SIGTERM)
        return await task

    return asyncio.run(run())


def test_a_chore_is_done_again_and_again(tmp_path: Path) -> None:
    log, enough = tmp_path / "log", tmp_path / "enough"
    code = (
        f"open({str(log)!r}, 'a').write('x')\n"
        f"if len(open({str(log)!r}).read()) >= 3: open({str(enough)!r}, 'w')"
    )
    chore = Chore("counting", [sys.executable, "-c", code], wanted=tmp_path, every=0.05)
    assert supervise(chore, enough) == 0
    assert len(log.read_text()) >= 3


def test_a_chore_nobody_wants_is_not_done(tmp_path: Path) -> None:
    done = tmp_path / "done"
    code = f"open({str(done)!r}, 'w')"
    chore = Chore(
        "nothing", [sys.executable, "-c", code], wanted=tmp_path / "not there", every=0.05
    )

    async def run() -> None:
        task = asyncio.create_task(Supervisor([CHILD], "ready", [chore]).run())
        await asyncio.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)
        await task

    asyncio.run(run())
    assert not done.exists()


def test_a_chore_that_fails_is_said_with_its_own_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = tmp_path / "failed"
    code = f"open({str(failed)!r}, 'w'); print('the list is gone'); raise SystemExit(1)"
    chore = Chore("Fetching", [sys.executable, "-c", code], wanted=tmp_path)
    assert supervise(chore, failed) == 0
    assert "Fetching did not go well:\nthe list is gone" in capsys.readouterr().err


@pytest.mark.parametrize(("status", "times"), [(75, 3), (1, 1)])
def test_what_is_not_possible_just_then_is_tried_again_soon_and_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], status: int, times: int
) -> None:
    log, enough = tmp_path / "log", tmp_path / "enough"
    code = (
        f"log = open({str(log)!r}, 'a+'); log.write('x'); log.seek(0); times = len(log.read())\n"
        f"if times >= {times}: open({str(enough)!r}, 'w')\n"
        f"if times < 3: print('the server is away'); raise SystemExit({status})"
    )
    chore = Chore(
        "Removing", [sys.executable, "-c", code], wanted=None, every=3600, again_after=0.05
    )
    assert supervise(chore, enough) == 0
    assert len(log.read_text()) == times
    said = capsys.readouterr().err
    assert said.count("the server is away") == 1
    assert ("tried again every few minutes" in said) == (status == 75)
    assert ("Removing has gone well now." in said) == (status == 75)


def test_a_chore_that_takes_long_does_not_delay_the_end(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    code = f"open({str(begun)!r}, 'w'); import time; time.sleep(60)"
    chore = Chore("Sleeping", [sys.executable, "-c", code], wanted=tmp_path)
    assert supervise(chore, begun) == 0
