"""Schoolgate's own gateway on the benchmark's street, as `schoolgate gateway` would set it up.

One `schoolgate run --mode gateway` serves both modes, which differ in the packet filter's rules
alone: these are the ones that `schoolgate gateway render` writes.
"""

from __future__ import annotations

from pathlib import Path

from addon.gateway.nftables import TABLE_FILE
from tests.bench.peers import Gateway
from tests.bench.stage import POLICY, ROOT, BenchError
from tests.bench.street import DEVICE, Street
from tests.support.schoolgate import COMMAND

FULL, SELECTIVE = "full", "selective"
_PORTAL = "10.77.0.1:8081"


def schoolgates(street: Street, workers: int) -> list[Gateway]:
    """Both modes over one running Schoolgate, with so many workers. Raises BenchError."""
    policy = street.folder / "policy.yaml"
    policy.write_text(POLICY.read_text().replace("[127.0.0.1]", f"[{DEVICE}]"))
    state = street.folder / "state"
    with (street.folder / "schoolgate.log").open("wb") as log:
        process = street.gateway.start(
            *[COMMAND, "run", "--mode", "gateway", "--workers", str(workers)],
            *["--state", state, "--policy", policy, "--portal", _PORTAL],
            *["--upstream-ca", street.public_authority],
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )
    for port in (8443, 8080, 18080 + workers - 1):
        street.gateway.wait_for(port, within=60)
    found = []
    for mode in (FULL, SELECTIVE):
        rules = _rules(street, mode, policy, state)
        off = "delete table inet schoolgate"
        show = f"schoolgate gateway --mode {mode}, {workers} worker{'s' * (workers > 1)}"
        found.append(Gateway(mode, show, process, rules, off))
    return found


def _rules(street: Street, mode: str, policy: Path, state: Path) -> str:
    """The packet filter's rules, as `schoolgate gateway render` writes them."""
    folder = street.folder / f"rendered-{mode}"
    done = street.gateway.run(
        *[COMMAND, "gateway", "render", folder, "--mode", mode, "--lan", "lan0", "--wan", "wan0"],
        *["--portal", _PORTAL, "--policy", policy, "--state", state, "--dns", "198.51.100.2"],
        cwd=ROOT,
    )
    if done.returncode:
        raise BenchError(f"schoolgate gateway render: {done.stderr}")
    return (folder / TABLE_FILE).read_text()
