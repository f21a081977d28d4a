"""The installed service, on a systemd of its own: what `scripts/install` promises, seen.

It installs from scratch, which fetches packages, and takes minutes, so it is run when asked for:
SCHOOLGATE_TEST_INSTALL=1 ./scripts/test tests/lab/test_installed.py

The tests go by the order in which they stand here: one machine, and what befalls it.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator

import pytest

from tests.lab.booted import Machine, why_not

pytestmark = [
    pytest.mark.lab,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(why_not() is not None, reason=str(why_not())),
]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    booted = Machine(tmp_path_factory.mktemp("booted"))
    try:
        booted.wait()
        yield booted
    finally:
        booted.end()


def wait_until(holds: Callable[[], bool], within: float) -> None:
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.5)


def healthz(machine: Machine) -> dict:
    said = machine.run("curl", "-s", "-m", "10", "http://127.0.0.1:8081/healthz").stdout
    return json.loads(said) if said else {"status": "gone", "problems": []}


def is_well(machine: Machine) -> bool:
    return healthz(machine)["status"] == "ok"


def facebook(machine: Machine, versions: str = "--tlsv1.3") -> str:
    """The status that a browser behind the gateway gets."""
    return machine.shell(
        f"ip netns exec pc curl -s -m 20 {versions} -o /dev/null -w '%{{http_code}}'"
        " --cacert /var/lib/schoolgate/authority/schoolgate-ca.crt"
        " --resolve www.facebook.com:443:203.0.113.7 https://www.facebook.com/ || true"
    )


def standing(machine: Machine) -> dict[str, str]:
    """What must outlive an upgrade: the devices' root, the policy, and what is on record."""
    first = (
        "import sqlite3; record = sqlite3.connect('/var/lib/schoolgate/record.sqlite3');"
        "print(record.execute('SELECT min(id) FROM events').fetchone())"
    )
    return {
        "root": machine.shell("sha256sum /var/lib/schoolgate/authority/schoolgate-ca.crt"),
        "policy": machine.shell("sha256sum /etc/schoolgate/school.yaml /etc/schoolgate/*.env"),
        "first": machine.shell(f'/opt/schoolgate/current/venv/bin/python -c "{first}"'),
        "access": machine.shell("schoolgate access list --history --json"),
    }


NETWORK = """
ip netns add internet; ip netns add pc
ip link add wan0 type veth peer name up0 netns internet
ip link add lan0 type veth peer name pc0 netns pc
ip address add 192.0.2.1/24 dev wan0; ip link set wan0 up
ip address add 10.0.0.1/24 dev lan0; ip link set lan0 up
ip -n internet address add 192.0.2.53/24 dev up0; ip -n internet link set up0 up
ip -n internet link set lo up; ip -n pc link set lo up
ip -n pc address add 10.0.0.9/24 dev pc0; ip -n pc link set pc0 up
ip route add default via 192.0.2.53; ip -n pc route add default via 10.0.0.1
ip netns exec internet dnsmasq --no-resolv --no-hosts --listen-address=192.0.2.53 \
    --bind-interfaces --address=/#/203.0.113.5 --pid-file=/run/up.pid --conf-file=/dev/null
for try in $(seq 60); do
    schoolgate gateway apply --lan lan0 --wan wan0 --dns 192.0.2.53 --masquerade &&
        schoolgate gateway confirm && exit 0
    sleep 1  # HAProxy is started once the proxy has written its configuration
done
exit 1
"""


def test_a_client_behind_the_installed_gateway_gets_the_block_page(machine: Machine) -> None:
    machine.shell(NETWORK)
    assert facebook(machine) == "403"
    assert facebook(machine, "--tlsv1.2 --tls-max 1.2") == "403"


def test_nothing_of_it_runs_as_root_for_long(machine: Machine) -> None:
    def users() -> list[str]:
        listed = machine.shell("ps -eo user:20,args")
        ours = [line.split(None, 1) for line in listed.splitlines() if "/schoolgate" in line]
        return [user for user, what in ours if "dnsmasq --no-resolv" not in what]

    assert len(users()) >= 7  # the supervisor, two workers, keeper, portal, HAProxy, dnsmasq
    wait_until(lambda: set(users()) == {"schoolgate"}, 20)  # root's tasks are over in a moment


LOOK = """
import sys
from pathlib import Path

keys, said = "var/lib/schoolgate/authority", Path("/var/lib/schoolgate/looked")
tried = ["/" + keys, *(f"/proc/{pid}/root/{keys}" for pid in sys.argv[1:])]
with said.open("w") as file:
    for place in tried:
        try:
            print("FOUND", [path.name for path in Path(place).iterdir()], file=file)
        except OSError as error:
            print("refused", place, error.strerror, file=file)
    for pid in sys.argv[1:]:
        try:
            with Path(f"/proc/{pid}/mem").open("rb"):
                print("FOUND the memory of", pid, file=file)
        except OSError as error:
            print("refused the memory of", pid, error.strerror, file=file)
"""


def test_what_takes_over_the_portal_cannot_reach_the_keys(machine: Machine) -> None:
    workers = machine.shell("pgrep -f addon.worker").split()
    assert workers
    machine.run("tee", "/usr/local/look.py", given=LOOK)
    # In the portal's own service, before the portal itself: the same user behind the same walls.
    look = f"/opt/schoolgate/current/venv/bin/python -P /usr/local/look.py {' '.join(workers)}"
    machine.shell("mkdir -p /run/systemd/system/schoolgate-portal.service.d")
    drop_in = "/run/systemd/system/schoolgate-portal.service.d/look.conf"
    machine.run("tee", drop_in, given=f"[Service]\nExecStartPre={look}\n")
    machine.shell("systemctl daemon-reload; systemctl restart schoolgate-portal")
    said = machine.shell("cat /var/lib/schoolgate/looked").splitlines()
    assert len(said) == 1 + 2 * len(workers)
    assert [line for line in said if not line.startswith("refused")] == []
    machine.shell(f"rm {drop_in} /var/lib/schoolgate/looked; systemctl daemon-reload")
    # Which is worth something only if they are there, and the portal does its work without them.
    assert "mitmproxy-ca.pem" in machine.shell("ls /var/lib/schoolgate/authority")
    certificate = machine.shell("curl -sS http://10.0.0.1:8081/certificate/schoolgate-ca.pem")
    assert "BEGIN CERTIFICATE" in certificate


@pytest.mark.parametrize(
    "unit", ["schoolgate", "schoolgate-portal", "schoolgate-haproxy", "schoolgate-dnsmasq"]
)
def test_what_runs_for_long_is_hardly_exposed(machine: Machine, unit: str) -> None:
    said = machine.shell(f"systemd-analyze security --no-pager {unit}.service")
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert found
    assert float(found[1]) <= 2.5


def test_systemd_has_nothing_against_the_units(machine: Machine) -> None:
    said = machine.shell("systemd-analyze verify --man=no /etc/systemd/system/schoolgate* 2>&1")
    assert not [line for line in said.splitlines() if "schoolgate" in line]
    assert machine.shell("systemctl list-units --failed --plain --no-legend 'schoolgate*'") == ""


def test_rules_that_something_else_takes_away_come_back(machine: Machine) -> None:
    def stand() -> bool:
        return "table inet schoolgate" in machine.shell("nft list tables")

    assert stand()
    machine.shell("nft flush ruleset")
    wait_until(stand, 90)
    # Debian's own file begins with the same words. From the next start of the machine on, ours
    # follows; until then it is looked for.
    machine.shell("systemctl start schoolgate-gateway nftables")
    wait_until(stand, 90)
    for verb in ("reload", "restart"):
        machine.shell(f"systemctl {verb} nftables")
        wait_until(stand, 40)  # sooner than the minute in which they are looked for
    assert facebook(machine) == "403"


def test_the_doctor_finds_nothing_but_the_clock_and_no_head_elsewhere(machine: Machine) -> None:
    found = json.loads(machine.run("schoolgate", "doctor", "--json").stdout)
    wanting = {one["what"] for one in found if one["verdict"] in ("broken", "look here")}
    assert wanting <= {"clock", "head"}


def test_a_policy_with_faults_changes_nothing_not_even_through_a_restart(machine: Machine) -> None:
    machine.shell("cp -p /etc/schoolgate/school.yaml /root/sound.yaml")
    machine.shell("echo 'nonsense: 1' >> /etc/schoolgate/school.yaml; systemctl reload schoolgate")
    wait_until(lambda: bool(healthz(machine)["problems"]), 60)
    machine.shell("systemctl restart schoolgate")
    wait_until(lambda: "copy of the policy" in str(healthz(machine)["problems"]), 60)
    assert facebook(machine) == "403"
    machine.shell("cat /root/sound.yaml > /etc/schoolgate/school.yaml; systemctl reload schoolgate")
    wait_until(lambda: is_well(machine), 60)


def test_an_upgrade_in_place_keeps_what_there_was(machine: Machine) -> None:
    machine.shell("schoolgate access withdraw willow.example --by rowan.example --reason Trial")
    before = standing(machine)
    haproxy = machine.shell("systemctl show -p MainPID --value schoolgate-haproxy")
    done = machine.install("9.1.0")
    assert done.returncode == 0, done.stderr
    assert "Schoolgate 9.1.0 is installed." in done.stderr
    assert standing(machine) == before
    wait_until(lambda: is_well(machine), 60)
    assert healthz(machine)["versions"]["schoolgate"] == "9.1.0"
    assert facebook(machine) == "403"
    assert machine.shell("schoolgate record verify")
    assert machine.shell("systemctl show -p MainPID --value schoolgate-haproxy") == haproxy
    copies = machine.shell("cd /var/lib/schoolgate/backups; echo */record.sqlite3 */authority")
    assert "*" not in copies
    assert machine.run("schoolgate", "gateway", "status").returncode == 0


def test_an_older_release_changes_nothing(machine: Machine) -> None:
    before = standing(machine)
    done = machine.install("0.0.9")
    assert done.returncode == 1
    assert "an older release cannot take its place" in done.stderr
    assert healthz(machine)["versions"]["schoolgate"] == "9.1.0"
    assert standing(machine) == before


def test_a_release_that_does_not_start_makes_place_for_the_one_before(machine: Machine) -> None:
    before = standing(machine)
    breaking = "sed -i '1i raise RuntimeError' addon/worker.py"
    done = machine.install("9.2.0", breaking)
    assert done.returncode == 1
    assert "putting back what was there" in done.stderr
    wait_until(lambda: is_well(machine), 60)
    assert healthz(machine)["versions"]["schoolgate"] == "9.1.0"
    assert standing(machine) == before
    assert facebook(machine) == "403"
    assert machine.shell("ls /opt/schoolgate/releases | wc -l") == "2\n"


POSTGRESQL = """
programs=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
install -d -o postgres -g postgres -m 0755 /run/postgresql
install -d -o postgres -g postgres -m 0700 /var/lib/record
as_postgres() { runuser -u postgres -- "$@"; }
as_postgres "$programs/initdb" --auth=peer --encoding=UTF8 --no-locale -D /var/lib/record
systemd-run --quiet --unit=record --uid=postgres "$programs/postgres" -D /var/lib/record \
    -k /run/postgresql -c listen_addresses= -c dynamic_shared_memory_type=mmap
for try in $(seq 60); do
    as_postgres "$programs/psql" -qc 'SELECT 1' postgres && break
    sleep 0.5
done
as_postgres "$programs/createuser" schoolgate
as_postgres "$programs/createdb" --owner=schoolgate schoolgate
cp -p /etc/schoolgate/schoolgate.env /root/schoolgate.env
echo "SCHOOLGATE_RECORD='postgresql+psycopg:///schoolgate?host=/run/postgresql'" \
    >>/etc/schoolgate/schoolgate.env
systemctl restart schoolgate
"""


def test_the_record_may_be_in_this_machines_own_postgresql(machine: Machine) -> None:
    """Which knows the service by its user, without a password."""
    if machine.run("sh", "-c", "ls /usr/lib/postgresql/*/bin/postgres").returncode:
        pytest.skip("needs PostgreSQL")
    machine.shell(POSTGRESQL)
    wait_until(lambda: is_well(machine), 60)
    assert facebook(machine) == "403"
    psql = "cd /tmp; runuser -u postgres -- /usr/lib/postgresql/*/bin/psql -Atc"
    wait_until(
        lambda: machine.shell(f"{psql} 'SELECT host FROM events' schoolgate") != "",
        30,
    )
    assert "The record is whole" in machine.shell("schoolgate record verify")
    assert machine.shell("stat -c '%a %U' /etc/schoolgate/schoolgate.env") == "600 root\n"
    portal = machine.shell("systemctl show -p MainPID --value schoolgate-portal").strip()
    assert "SCHOOLGATE_RECORD" not in machine.shell(f"tr '\\0' '\\n' < /proc/{portal}/environ")
    machine.shell("cp -p /root/schoolgate.env /etc/schoolgate/; systemctl restart schoolgate")
    wait_until(lambda: is_well(machine), 60)
    machine.shell("systemctl stop record")


def test_a_supervisor_that_hangs_is_replaced_by_systemd(machine: Machine) -> None:
    main = machine.shell("systemctl show -p MainPID --value schoolgate").strip()
    machine.shell(f"kill -STOP {main}")

    def another_is_up() -> bool:
        now = machine.shell("systemctl show -p MainPID --value schoolgate").strip()
        active = machine.run("systemctl", "is-active", "schoolgate").stdout == "active\n"
        return now not in (main, "0") and active

    wait_until(another_is_up, 120)


def test_it_goes_without_its_rules_and_leaves_the_record(machine: Machine) -> None:
    machine.shell("bash /srv/checkout/scripts/uninstall --yes 2>&1")
    assert "schoolgate" not in machine.shell("nft list tables")
    assert machine.run("pgrep", "-u", "schoolgate").returncode == 1
    assert "record.sqlite3" in machine.shell("ls /var/lib/schoolgate")
    assert machine.run("test", "-e", "/opt/schoolgate").returncode == 1
    assert machine.run("test", "-e", "/usr/local/bin/schoolgate").returncode == 1
    assert machine.run("systemctl", "list-unit-files", "--no-legend", "schoolgate*").stdout == ""


def test_it_comes_back_to_its_record_and_goes_for_good(machine: Machine) -> None:
    done = machine.install("9.1.0")
    assert done.returncode == 0, done.stderr
    wait_until(lambda: is_well(machine), 60)
    machine.shell("schoolgate record verify")
    machine.shell("bash /srv/checkout/scripts/uninstall --yes --purge 2>&1")
    for place in ("/var/lib/schoolgate", "/etc/schoolgate", "/opt/schoolgate"):
        assert machine.run("test", "-e", place).returncode == 1
    assert machine.run("id", "schoolgate").returncode == 1
