"""The forms of purposes into purposes: each entry of a form becomes a condition."""

from collections.abc import Iterable, Mapping
from datetime import date

from rules.conditions import Condition, Doing, During, ForPeople, OnPath, OnSite, Until
from rules.days import Calendar
from rules.decision import RuleRef
from rules.forms import PolicyForm
from rules.purpose_forms import Approval, DeclaredForm, PurposeForm
from rules.purposes import DeclaredPurpose, Purpose
from rules.school import Clause
from rules.sites import Catalogue


def build_purposes(
    form: PolicyForm,
    catalogue: Catalogue,
    clauses: Mapping[str, Clause],
    calendar: Calendar | None,
) -> tuple[Purpose, ...]:
    """Build the standing purposes."""
    return tuple(
        Purpose(
            *_terms(purpose_id, purpose, form, catalogue, clauses, calendar),
            needs_path=bool(purpose.paths),
        )
        for purpose_id, purpose in form.purposes.items()
    )


def build_declared(
    form: PolicyForm,
    catalogue: Catalogue,
    clauses: Mapping[str, Clause],
    calendar: Calendar | None,
) -> tuple[DeclaredPurpose, ...]:
    """Build the purposes that people may declare."""
    return tuple(
        DeclaredPurpose(
            *_terms(purpose_id, purpose, form, catalogue, clauses, calendar),
            longest=purpose.longest,
            needs_approval=purpose.approval is Approval.NEEDED,
            a_day=purpose.a_day,
        )
        for purpose_id, purpose in form.declared.items()
    )


_Terms = tuple[
    RuleRef, ForPeople, OnSite, tuple[Condition, ...], str, date, date | None, Clause | None
]


def _terms(
    purpose_id: str,
    purpose: PurposeForm | DeclaredForm,
    form: PolicyForm,
    catalogue: Catalogue,
    clauses: Mapping[str, Clause],
    calendar: Calendar | None,
) -> _Terms:
    who = frozenset(word.value for word in purpose.who)
    names = " and ".join(catalogue.sites[site].name for site in purpose.sites)
    return (
        RuleRef(purpose_id, purpose.title, purpose.spot.file, purpose.spot.line),
        ForPeople.named(who, frozenset(form.people or ())),
        OnSite(frozenset(purpose.sites), names),
        tuple(_conditions(purpose, calendar)),
        purpose.owner,
        purpose.review,
        purpose.until,
        clauses[purpose.clause] if purpose.clause else None,
    )


def _conditions(form: PurposeForm | DeclaredForm, calendar: Calendar | None) -> Iterable[Condition]:
    if isinstance(form, PurposeForm) and form.paths:
        yield OnPath(tuple(path.value for path in form.paths))
    if isinstance(form, PurposeForm) and form.actions:
        yield Doing(frozenset(form.actions))
    if form.when:
        yield During(tuple(span.value for span in form.when), calendar)
    if form.until:
        yield Until(form.until)
