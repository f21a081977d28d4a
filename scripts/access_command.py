"""`schoolgate access`: who is granted what for how long, and whose web access is withdrawn.

Whoever may write the record may do this; `--by` says who decided, and goes on record.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from addon.kept_withdrawals import KeptWithdrawals
from rules.granting import Wish, obstacles
from rules.policy import Policy
from rules.request import Person
from scripts.access_views import InWords, open_grants, step_json
from scripts.common import (
    Command,
    Sorry,
    WrongUsage,
    json_option,
    policy_at,
    policy_option,
    record_option,
    state_option,
)
from scripts.lookups import person_of, purpose_of, site_of
from scripts.moments import length, moment_or_hour
from storage.access import AccessChanges, Step, What, access_history, changing_access, present
from storage.database import NoRecordError, RecordError, open_record, open_record_readonly


@click.group()
def access() -> None:
    """Grants of one site to one person for a while, and withdrawals of web access.

    A change reaches the running gate within a second.
    """


def _change(reason: str, *, required: bool = False) -> Callable[[Command], Command]:
    """The options of every command that changes something."""

    def add(command: Command) -> Command:
        for option in (
            policy_option,
            state_option,
            record_option,
            json_option,
            click.option("--reason", required=required, help=reason),
            click.option(
                "--by", "who", required=True, metavar="PERSON", help="Who decided. It is recorded."
            ),
        ):
            command = option(command)
        return command

    return add


@access.command()
@click.argument("person")
@click.argument("site")
@click.option("--purpose", required=True, help="A declared purpose of the policy, by its id.")
@click.option("--for", "length_", metavar="LENGTH", help="How long, such as 30m, 2h or 1h30m.")
@click.option("--until", metavar="TIME", help="The end, such as 14:30 or '2026-11-23 14:30'.")
@click.option("--from", "from_", metavar="TIME", help="The beginning. [default: now]")
@click.option("--words", help="What the person said it is for.")
@_change("Why it was granted, if there is more to say.")
def grant(
    person: str,
    site: str,
    purpose: str,
    length_: str | None,
    until: str | None,
    from_: str | None,
    words: str | None,
    reason: str | None,
    who: str,
    as_json: bool,
    state: Path,
    url: str | None,
    policy: Path,
) -> None:
    """Open SITE to PERSON for a declared purpose, for as long as the policy lets it.

    Times are the school's local time.
    """
    if (length_ is None) is (until is None):
        raise WrongUsage("Give either --for or --until.")
    rules, now = policy_at(policy, state), datetime.now(UTC)
    zone = rules.school.timezone
    starts = moment_or_hour(from_, zone, now) if from_ else now
    ends = moment_or_hour(until, zone, now) if until else starts + length(length_ or "")
    wish = Wish(
        person_of(person, rules), site_of(site, rules), purpose_of(purpose, rules), starts, ends,
        person_of(who, rules),
    )  # fmt: skip
    with _changing(state, url) as changes:
        history = changes.history(wish.person.id)
        if wish.person.id in present(history).withdrawn:
            wish = replace(wish, person=replace(wish.person, withdrawn=True))
        earlier = [step.starts for step in history if step.starts and step.purpose == purpose]
        if against := obstacles(rules, wish, earlier, now):
            raise Sorry("Not granted. " + " ".join(against))
        step = changes.add(
            Step(
                at=now, what=What.GRANT, person=wish.person.id, by=wish.by.id, site=wish.site.id,
                starts=starts.astimezone(UTC), until=ends.astimezone(UTC), purpose=purpose,
                words=_line(words), reason=_line(reason),
            )
        )  # fmt: skip
    _say(InWords(rules).grant(step, now), [step], as_json)


@access.command()
@click.argument("person")
@click.argument("site", required=False)
@_change("Why it was revoked.")
def revoke(
    person: str,
    site: str | None,
    reason: str | None,
    who: str,
    as_json: bool,
    state: Path,
    url: str | None,
    policy: Path,
) -> None:
    """End PERSON's grants for SITE, or for every site, at once. What goes on is cut."""
    rules, now = policy_at(policy, state), datetime.now(UTC)
    by, words = person_of(who, rules), InWords(rules)
    with _changing(state, url) as changes:
        history = _history(person, rules, changes)
        had = {step.site for step in open_grants(now, present(history)) if step.site}
        sites = had & {site_of(site, rules).id if site not in had else site} if site else had
        if not sites:
            about = f" for {words.site(site_of(site, rules).id)}" if site else ""
            raise Sorry(f"{words.person(person)} has no grant{about}, so there is none to revoke.")
        steps = [
            changes.add(
                Step(
                    at=now, what=What.REVOKE, person=person, by=by.id, site=each,
                    reason=_line(reason),
                )
            )
            for each in sorted(sites)
        ]  # fmt: skip
    names = " and ".join(words.site(step.site) for step in steps)
    _say(f"{words.person(person)}'s grants for {names} have ended.", steps, as_json)


@access.command()
@click.argument("person")
@_change("Why it was withdrawn. It is recorded, and not shown to the person.", required=True)
def withdraw(
    person: str,
    reason: str | None,
    who: str,
    as_json: bool,
    state: Path,
    url: str | None,
    policy: Path,
) -> None:
    """Take PERSON's web access away until it is restored, but for the policy's essentials.

    The grants that the person has end too.
    """
    rules = policy_at(policy, state)
    words = InWords(rules)
    about, by = person_of(person, rules), person_of(who, rules)
    if not _line(reason):
        raise WrongUsage("A withdrawal needs a reason: say with --reason why.")
    with _changing(state, url) as changes:
        if before := present(changes.history(about.id)).withdrawn.get(about.id):
            raise Sorry(f"Nothing changed. {words.withdrawal(before)}")
        step = _add(changes, What.WITHDRAW, about.id, by, reason)
    _keep(state, url, step)
    essentials = ", ".join(sorted(rules.essentials)) or "nothing"
    _say(f"{about.name}'s web access is withdrawn. These stay open: {essentials}.", [step], as_json)


@access.command()
@click.argument("person")
@_change("Why it was restored.")
def restore(
    person: str,
    reason: str | None,
    who: str,
    as_json: bool,
    state: Path,
    url: str | None,
    policy: Path,
) -> None:
    """Give PERSON their web access back."""
    rules = policy_at(policy, state)
    by, words = person_of(who, rules), InWords(rules)
    with _changing(state, url) as changes:
        if person not in present(_history(person, rules, changes)).withdrawn:
            raise Sorry(f"{words.person(person)}'s web access is not withdrawn.")
        step = _add(changes, What.RESTORE, person, by, reason)
    _keep(state, url, step)
    _say(f"{words.person(person)}'s web access is restored.", [step], as_json)


@access.command("list")
@click.argument("person", required=False)
@click.option("--history", is_flag=True, help="Every step there was, and who took it.")
@json_option
@state_option
@record_option
@policy_option
def list_(
    person: str | None, history: bool, as_json: bool, state: Path, url: str | None, policy: Path
) -> None:
    """Show the grants and withdrawals that stand now, of PERSON or of everybody."""
    rules, now = policy_at(policy, state), datetime.now(UTC)
    words = InWords(rules)
    try:
        steps = access_history(open_record_readonly(state, url), person)
    except RecordError as error:
        raise Sorry(str(error)) from error
    if person and not steps:
        person_of(person, rules)
    here = present(steps)
    grants = open_grants(now, here)
    if history:
        text = "\n".join(map(words.step, steps)) or "Nothing was granted or withdrawn yet."
        _say(text, steps, as_json)
        return
    lines = [words.withdrawal(step) for step in here.withdrawn.values()]
    lines += [words.grant(step, now) for step in grants]
    text = "\n".join(lines) or "Nothing is granted, and nobody's web access is withdrawn."
    _say(text, [*here.withdrawn.values(), *grants], as_json)


@contextmanager
def _changing(state: Path, url: str | None) -> Iterator[AccessChanges]:
    """The history to look at and add to. Raises Sorry, also for a step that cannot be."""
    try:
        try:
            open_record_readonly(state, url)
        except NoRecordError:
            raise  # a folder that was mistyped must not become one
        except RecordError:
            pass  # an older one is brought up to date next, and any other fault is said
        with changing_access(open_record(state, url)) as changes:
            yield changes
    except (RecordError, ValueError) as error:
        raise Sorry(str(error)) from error


def _add(changes: AccessChanges, what: What, person: str, by: Person, reason: str | None) -> Step:
    now = datetime.now(UTC)
    return changes.add(Step(at=now, what=what, person=person, by=by.id, reason=_line(reason)))


def _keep(state: Path, url: str | None, step: Step) -> None:
    """While no gate runs, nobody else sees to it that a withdrawal outlives the record's file."""
    if url is not None:
        return
    kept = KeptWithdrawals(state)
    with suppress(RecordError):
        people = kept.read() | present(access_history(open_record_readonly(state))).withdrawn.keys()
        kept.keep(people - {step.person} if step.what is What.RESTORE else people)


def _history(person: str, rules: Policy, changes: AccessChanges) -> Sequence[Step]:
    """The steps about a person, who need not be in the policy any more."""
    steps = changes.history(person)
    return steps if steps else changes.history(person_of(person, rules).id)


def _line(text: str | None) -> str | None:
    return " ".join(text.split()) or None if text else None


def _say(text: str, steps: Sequence[Step], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([step_json(step) for step in steps], indent=2))
    else:
        click.echo(text)
