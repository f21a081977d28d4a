"""What the supervisor does now and then, beside keeping its children running."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from scripts.supervisor import Child, Chore, Supervisor

CHILD = Child(
    "child", [sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(60)"]
)


def supervise(chore: Chore, until: Path) -> int:
    """Runs a supervisor with one child and a chore until a file is there, then stops it."""

    async def run() -> int:
        task = asyncio.create_task(Supervisor([CHILD], "ready", [chore]).run())
        for _ in range(1000):
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
        await asyncio.sleep(1.5)
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


def test_a_chore_that_takes_long_does_not_delay_the_end(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    code = f"open({str(begun)!r}, 'w'); import time; time.sleep(60)"
    chore = Chore("Sleeping", [sys.executable, "-c", code], wanted=tmp_path)
    assert supervise(chore, begun) == 0
