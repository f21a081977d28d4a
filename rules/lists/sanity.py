"""What a list must not do before it takes effect.

Whoever keeps a list can make a slip, be taken over, or give up and leave an empty page. A list that
would restrict half the web, or what a school cannot work without, is refused as a whole and the
last one stays: a person should look at it, and can leave out a name on purpose.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from rules.hosts import canonical_host
from rules.lists.comparing import Change, differences
from rules.lists.entries import Entry, Kind, ListError
from rules.lists.keeping import kept_line, parse_kept
from rules.lists.patterns import HostPatterns
from rules.lists.sorting import above, entry_at, order
from rules.shared_names import ONE_SERVICE, SHARED_NAMES

PROTECTED = ("gov.uk", "sch.uk", "nhs.uk")
"""Names with all below them that no list may restrict."""
_MOST_LOST = 1 / 3
_SHOWN = 5
# Hosts that stand for all others below a protected or shared name, to try patterns on.
_STANDING_FOR = ("", "www.", "a-school.")


@dataclass(frozen=True, slots=True)
class Harm:
    """An entry that would do harm, and what it would do."""

    entry: Entry
    covers: str

    def __str__(self) -> str:
        return f"'{kept_line(self.entry)}' ({self.covers})"


class Guard:
    """Looks at the entries of a list as they go by."""

    def __init__(self, essentials: Iterable[str] = (), left_out: Iterable[str] = ()) -> None:
        """Take the policy's essentials and what is left out, each name with everything below it.

        A pattern is left out as it is kept: `~pattern`.
        """
        essentials = sorted(essentials)
        self._kept_open = {_key(name): name for name in (*essentials, *PROTECTED)}
        self._over: dict[str, str] = {}
        for name in (*essentials, *PROTECTED, *SHARED_NAMES):
            for key in above(_key(name)):
                self._over.setdefault(key, name)
        self._left_out = {order(parse_kept(text)) for text in left_out}
        self._probes = [
            start + name
            for name in (*essentials, *PROTECTED, *SHARED_NAMES)
            for start in _STANDING_FOR
        ]
        self.harms: list[Harm] = []
        self.harmful = 0
        self.left_out = 0

    def leave_out(self, name: str) -> None:
        """Leave out one name more, with all below it: the list itself makes an exception of it."""
        self._left_out.add(_key(name))

    def watched(self, keys: Iterable[str]) -> Iterator[str]:
        """Give the entries back, without those left out, noting what would do harm."""
        for key in keys:
            names = list(above(key))
            if self._left_out and any(name in self._left_out for name in names):
                self.left_out += 1
                continue
            if harm := self._harm(key, names):
                self.harmful += 1
                if len(self.harms) < _SHOWN:
                    self.harms.append(Harm(entry_at(key), harm))
            yield key

    def _harm(self, key: str, names: list[str]) -> str:
        for name in names:
            if name in self._kept_open:
                return f"part of {self._kept_open[name]}, which stays open"
        entry = entry_at(key)
        if entry.kind is Kind.PATTERN:
            patterns = HostPatterns([entry.text])
            covered = next(filter(patterns.find, self._probes), None)
            return f"a pattern that covers {covered}" if covered else ""
        if entry.kind is Kind.HOST and entry.text in SHARED_NAMES:
            return "everybody uses it"
        if entry.kind is not Kind.DOMAIN:
            return ""  # an address or a host alone, or one path: nobody else's name is below it
        if is_suffix(entry.text):
            return "anyone may register names below it"
        if key in self._over:
            return f"{self._over[key]} is below it or the same, and everybody uses it"
        return ""

    def may_widen(self, host: str) -> bool:
        """Say whether a single host may be taken with all below it, without harm to others."""
        return not is_suffix(host) and _key(host) not in self._over

    def raise_if_harmful(self, name: str) -> None:
        """Raise ListError with the first few entries that would do harm, if there are any."""
        if self.harms:
            shown = ", ".join(map(str, self.harms))
            more = self.harmful - len(self.harms)
            more_words = f" and {more:,} more" if more else ""
            raise ListError(
                f"{name} is refused, for it would restrict what must stay open: {shown}"
                f"{more_words}. If the rest is good, leave these out with --without."
            )


def check_loss(name: str, old: Iterable[str], new: Iterable[str], old_count: int) -> None:
    """Raise ListError if a new list has lost more than a third of the old one's entries."""
    lost = sum(1 for change, _ in differences(old, new) if change is Change.LOST)
    if lost > old_count * _MOST_LOST:
        raise ListError(
            f"{name} is refused, for {lost:,} of the {old_count:,} entries it had are gone, "
            "which is more than a third. If that is right, update it with --accept-loss."
        )


def is_suffix(name: str) -> bool:
    """Say whether anyone may register names below this one (publicsuffix.org, both sections).

    By look-up in the list that comes with tldextract: a million names take a second.
    """
    if name in ONE_SERVICE:
        return False
    suffixes = _suffixes()
    if name in suffixes or "." not in name:
        return True
    return "*." + name.partition(".")[2] in suffixes and "!" + name not in suffixes


@cache
def _suffixes() -> frozenset[str]:
    from tldextract import TLDExtract  # with all it needs for downloads, so only when asked for

    extract = TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)
    return frozenset(map(_canonical_rule, extract.tlds))


def _canonical_rule(rule: str) -> str:
    """Give a line of the list with its name as hosts are written; '*.' and '!' stay in front."""
    if rule.isascii():
        return rule
    start = rule[: len(rule) - len(rule.lstrip("*.!"))]
    return start + canonical_host(rule[len(start) :])


def _key(name: str) -> str:
    return order(Entry(Kind.DOMAIN, name))
