"""The triggers of the record, which refuse what would break it: what each refuses, and whether they
are there.

They stop accidents. Whoever can write the record can drop them, and it is then the seals that tell;
but a record without its triggers is not as it was made, and `record verify` says so. A start of
Schoolgate puts them back. `migrations/` makes them; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from sqlalchemy import Connection

_NEWEST: Final = (
    "EXISTS (SELECT 1 FROM seals WHERE number = (SELECT max(number) FROM seals) AND what = "
)
# The newest seal is the tombstone of a purge, written in the transaction that now removes rows.
_PURGING: Final = f"{_NEWEST}'purge'{{also}})"
_NO_PURGE: Final = f"NOT {_PURGING.format(also='')}"
_ROWS: Final = "The record is sealed: rows change only by completion, correction and purge."
_STEPS: Final = "The record is sealed: steps of access are only added, and removed by a purge."
_HOLDS: Final = "The record is sealed: a legal hold only ends, by a release."
_BINDINGS: Final = (
    "The record is guarded: who was at an address stays as it was noted, until a purge."
)


def _begins(facts: str) -> str:
    return f"substr(facts, 1, {len(facts)}) = '{facts}'"


def _not_of_a_purge(key: str, of: str = "") -> str:
    also = f" AND OLD.{key} BETWEEN first AND last"
    if of:
        also = f" AND {_begins(f'{{"of":"{of}"')}{also}"
    return f"NOT {_PURGING.format(also=also)}"


class Guard(NamedTuple):
    """A trigger: on which table, when it fires, when it refuses, and with what words."""

    name: str
    table: str
    when: str
    refused: str
    words: str = _ROWS


GUARDS: Final = (
    Guard("events_stay", "events", "DELETE", _not_of_a_purge("id")),
    Guard(
        "events_keep_their_words",
        "events",
        "UPDATE OF id, at, person, source, address, site, host, scheme, method, kind, path, "
        "policy, confidence",
        "TRUE",
    ),
    Guard(
        "events_are_corrected_once",
        "events",
        "UPDATE OF allowed, outcome, reason, rule, clause",
        "NOT (OLD.allowed AND NOT NEW.allowed AND EXISTS "
        "(SELECT 1 FROM corrections WHERE event = OLD.id))",
    ),
    Guard(
        "events_are_completed_once",
        "events",
        "UPDATE OF status, bytes_up, bytes_down, ended_at",
        "OLD.ended_at IS NOT NULL",
    ),
    Guard("events_keep_their_seal", "events", "UPDATE OF seal", _NO_PURGE),
    Guard(
        "completions_keep_their_seal",
        "events",
        "UPDATE OF ended_seal",
        f"OLD.ended_seal IS NOT NULL AND {_NO_PURGE}",
    ),
    Guard("corrections_stay", "corrections", "DELETE", _not_of_a_purge("event")),
    Guard(
        "corrections_keep_their_words",
        "corrections",
        "UPDATE OF event, outcome, reason, rule, clause",
        "TRUE",
    ),
    Guard("corrections_keep_their_seal", "corrections", "UPDATE OF seal", _NO_PURGE),
    Guard("seals_stay", "seals", "DELETE", f"OLD.what = 'purge' OR {_NO_PURGE}"),
    Guard("seals_never_change", "seals", "UPDATE", "TRUE"),
    Guard(
        "seals_come_in_order",
        "seals",
        "INSERT",
        "NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM seals)",
    ),
    Guard("events_keep_their_signs", "events", "UPDATE OF action, inside", "TRUE"),
    Guard("sealed_visits_stay", "visits", "DELETE", f"OLD.seal IS NOT NULL AND {_NO_PURGE}"),
    Guard(
        "sealed_visits_keep_their_words",
        "visits",
        "UPDATE OF person, first, site, outcome, rule, began, last, ended, acts, at_least, at_most",
        "OLD.seal IS NOT NULL",
    ),
    Guard(
        "sealed_visits_keep_their_seal",
        "visits",
        "UPDATE OF seal",
        f"OLD.seal IS NOT NULL AND {_NO_PURGE}",
    ),
    Guard("access_stays", "access", "DELETE", _not_of_a_purge("id"), _STEPS),
    Guard(
        "access_keeps_its_words",
        "access",
        'UPDATE OF id, at, what, person, "by", site, starts, until, purpose, words, reason',
        "TRUE",
        _STEPS,
    ),
    Guard("access_keeps_its_seal", "access", "UPDATE OF seal", _NO_PURGE, _STEPS),
    Guard("holds_stay", "holds", "DELETE", "TRUE", _HOLDS),
    Guard(
        "holds_keep_their_words",
        "holds",
        'UPDATE OF id, person, began, "by", why, "case"',
        "TRUE",
        _HOLDS,
    ),
    Guard(
        "holds_end_once",
        "holds",
        "UPDATE OF ended, ended_by",
        # The newest seal says that it ends, written in the transaction that now notes it.
        f"OLD.ended IS NOT NULL OR NEW.ended IS NULL OR NOT {_NEWEST}'note' AND first = OLD.id "
        f"AND {_begins('{"hold":')})",
        _HOLDS,
    ),
    Guard("bindings_stay", "bindings", "DELETE", _not_of_a_purge("id", "bindings"), _BINDINGS),
    Guard(
        "bindings_keep_their_words",
        "bindings",
        "UPDATE OF id, person, address, hardware, source, session, began",
        "TRUE",
        _BINDINGS,
    ),
)


def missing_guards(connection: Connection) -> tuple[str, ...]:
    """The names of the triggers that are not there as they were made."""
    made = {name: text for guard in GUARDS for name, text in _made(connection, guard).items()}
    query = _ON_SQLITE if _is_sqlite(connection) else _ON_POSTGRESQL
    found = {name: text for name, text in connection.exec_driver_sql(query)}  # noqa: C416
    return tuple(name for name, text in made.items() if _plain(found.get(name)) != _plain(text))


def put_back(connection: Connection) -> tuple[str, ...]:
    """Makes the triggers anew that are missing, within a transaction that holds the write lock.

    Gives back their names.
    """
    missing = missing_guards(connection)
    for guard in GUARDS:
        if not _made(connection, guard).keys().isdisjoint(missing):
            for statement in _making(connection, guard):
                connection.exec_driver_sql(statement)
    return missing


_ON_SQLITE: Final = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"
_ON_POSTGRESQL: Final = """
SELECT t.tgname::text, pg_get_triggerdef(t.oid, true) || f.prosrc
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc f ON f.oid = t.tgfoid
JOIN pg_namespace s ON s.oid = c.relnamespace
WHERE s.nspname = current_schema() AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')
"""


def _is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def _plain(text: object) -> object:
    """The server puts names in quotes as it sees fit."""
    return text.replace('"', "") if isinstance(text, str) else None


def _made(connection: Connection, guard: Guard) -> dict[str, str]:
    """What the database says of what a guard comes to, by name."""
    if _is_sqlite(connection):
        return {guard.name: _on_sqlite(guard)}
    return {name: trigger + body for name, trigger, body in _on_postgresql(guard)}


def _making(connection: Connection, guard: Guard) -> Iterable[str]:
    if _is_sqlite(connection):
        yield f"DROP TRIGGER IF EXISTS {guard.name}"
        yield _on_sqlite(guard)
        return
    for name, trigger, body in _on_postgresql(guard):
        yield f"DROP TRIGGER IF EXISTS {name} ON {guard.table}"
        yield (
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$"
        )
        yield trigger


def _on_sqlite(guard: Guard) -> str:
    return (
        f"CREATE TRIGGER {guard.name} BEFORE {guard.when} ON {guard.table} WHEN {guard.refused} "
        f"BEGIN SELECT RAISE(ABORT, '{guard.words}'); END"
    )


def _on_postgresql(guard: Guard) -> Iterable[tuple[str, str, str]]:
    """Names, triggers and the bodies of their functions."""
    name, all_of_it = guard.name, f"{guard.name}_all"
    answer = "OLD" if guard.when == "DELETE" else "NEW"
    no = f"RAISE EXCEPTION '{guard.words}' USING ERRCODE = 'integrity_constraint_violation';"
    yield (
        name,
        f"CREATE TRIGGER {name} BEFORE {guard.when} ON {guard.table} "
        f"FOR EACH ROW EXECUTE FUNCTION {name}()",
        f" BEGIN IF {guard.refused} THEN {no} END IF; RETURN {answer}; END ",
    )
    if guard.when == "DELETE":  # there, TRUNCATE is no deletion of rows
        yield (
            all_of_it,
            f"CREATE TRIGGER {all_of_it} BEFORE TRUNCATE ON {guard.table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {all_of_it}()",
            f" BEGIN {no} END ",
        )
