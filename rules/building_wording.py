"""How the answers are worded, and which line of the policy a refusal goes back to."""

from collections.abc import Iterator, Mapping

from rules.decision import Outcome, RuleRef
from rules.faults import Spot
from rules.forms import PolicyForm, UnidentifiedAccess
from rules.school import Clause
from rules.sites import Catalogue
from rules.wording import Wording, with_article

_UNIDENTIFIED = {
    UnidentifiedAccess.REFUSE: "a device that nobody is known to use opens no restricted site",
    UnidentifiedAccess.AS_VISITOR: "a device that nobody is known to use counts as a visitor's",
}


def build_wording(form: PolicyForm, catalogue: Catalogue, clauses: Mapping[str, Clause]) -> Wording:
    """Put the policy's own words together, and the rules that refusals name."""
    texts: dict[Outcome, str] = {}
    quoted: dict[Outcome, Clause] = {}
    for outcome in Outcome:
        reason = getattr(form.reasons, outcome.replace("-", "_"), None)
        if reason is not None and reason.text is not None:
            texts[outcome] = " ".join(reason.text.value.split())
        if reason is not None and reason.clause is not None:
            quoted[outcome] = clauses[reason.clause]
    kinds = _kinds(form, catalogue)
    return Wording(
        texts,
        quoted,
        kinds,
        restricting=dict(_restricting(form, catalogue, kinds)),
        unidentified=_unidentified(form),
        essentials=_essentials(form),
    )


def _kinds(form: PolicyForm, catalogue: Catalogue) -> dict[str, str]:
    words = {placed.value for placed in form.restricted or ()}
    return {
        category: form.categories[category].name
        if category in form.categories
        else f"{category.replace('-', ' ')} site"
        for site in catalogue
        for category in site.categories & words
    }


def _restricting(
    form: PolicyForm, catalogue: Catalogue, kinds: Mapping[str, str]
) -> Iterator[tuple[str, RuleRef]]:
    """Give by site the entry of `restricted` that names it, or else its first category there."""
    spots: dict[str, Spot] = {}
    for placed in form.restricted or ():
        spots.setdefault(placed.value, placed.spot)
    by_category = {
        word: _restriction(word, with_article(kinds[word]), spot)
        for word, spot in spots.items()
        if word in kinds
    }
    for site in catalogue:
        if site.id in spots:
            yield site.id, _restriction(site.id, site.name, spots[site.id])
        elif rules := [rule for word, rule in by_category.items() if word in site.categories]:
            yield site.id, rules[0]


def _restriction(word: str, what: str, spot: Spot) -> RuleRef:
    title = f"{what} opens only for a school purpose"
    return RuleRef(f"restricted: {word}", title, spot.file, spot.line)


def _unidentified(form: PolicyForm) -> RuleRef | None:
    spot, access = form.unidentified.spot, form.unidentified.access
    if not spot.line:
        return None  # the policy does not say it
    return RuleRef(f"unidentified: {access}", _UNIDENTIFIED[access], spot.file, spot.line)


def _essentials(form: PolicyForm) -> RuleRef | None:
    if not form.essentials:
        return None
    spot = form.essentials[0].spot
    title = "nothing else stays open to a person whose web access is withdrawn"
    return RuleRef("essentials", title, spot.file, spot.line)
