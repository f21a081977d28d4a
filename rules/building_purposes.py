"""The forms of purposes into purposes: each entry of a form becomes a condition."""

from collections.abc import Iterable, Mapping

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
            _rule(purpose_id, purpose),
            frozenset(purpose.sites),
            tuple(_conditions(purpose, catalogue, frozenset(form.people or ()), calendar)),
            purpose.owner,
            purpose.review,
            purpose.until,
            clauses[purpose.clause] if purpose.clause else None,
            bool(purpose.paths),
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
            _rule(purpose_id, purpose),
            frozenset(purpose.sites),
            tuple(_conditions(purpose, catalogue, frozenset(form.people or ()), calendar)),
            purpose.longest,
            purpose.approval is Approval.NEEDED,
            purpose.a_day,
            purpose.owner,
            purpose.review,
            purpose.until,
            clauses[purpose.clause] if purpose.clause else None,
        )
        for purpose_id, purpose in form.declared.items()
    )


def _rule(purpose_id: str, form: PurposeForm | DeclaredForm) -> RuleRef:
    return RuleRef(purpose_id, form.title, form.spot.file, form.spot.line)


def _conditions(
    form: PurposeForm | DeclaredForm,
    catalogue: Catalogue,
    people: frozenset[str],
    calendar: Calendar | None,
) -> Iterable[Condition]:
    # In the order of the question: who, where, what, when.
    yield ForPeople.named(frozenset(word.value for word in form.who), people)
    names = " and ".join(catalogue.sites[site].name for site in form.sites)
    yield OnSite(frozenset(form.sites), names)
    if isinstance(form, PurposeForm) and form.paths:
        yield OnPath(tuple(path.value for path in form.paths))
    if isinstance(form, PurposeForm) and form.actions:
        yield Doing(frozenset(form.actions))
    if form.when:
        yield During(tuple(span.value for span in form.when), calendar)
    if form.until:
        yield Until(form.until)
