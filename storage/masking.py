"""Taking other people's names out of what somebody has written in words of their own.

A program knows names, and not who is meant. It takes out ids and full names; parts of names after
a title ('Mrs Willow') or an initial ('W. Willow'); and parts that stand alone with a capital,
unless they are ordinary words or the person's own. Nicknames, and people whom neither policy nor
record knows, it does not find: somebody has to read what is left.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

SOMEBODY: Final = "somebody else at the school"

_TITLES: Final = (
    "Mr", "Mrs", "Ms", "Miss", "Mx", "Master", "Mister", "Dr", "Doctor", "Prof", "Professor", "Sir",
    "Dame", "Lord", "Lady", "Rev", "Revd", "Reverend", "Fr", "Father", "Sister", "Canon", "Cllr",
)  # fmt: skip
_TITLE: Final = rf"(?i:(?:{'|'.join(_TITLES)})\.?)"

_WORDS_THAT_ARE_NAMES: Final = """
    april art august bill bishop black brown chance church cook cross day dean faith field fields
    forest frank grace grant gray green grey hall hand head hill hope hunt joy june king lane list
    long love march mark marks may miles noble page park parks pool price prior rich rose rush short
    skip small stone sue summer ward waters web wells west white will wise wood woods young
"""
_WORDS_IN_IDS: Final = """
    admin caretaker clerk cover deputy example former governor guest kitchen leader new office old
    person pupil reception school staff student supply teacher temp test trainee user visitor
"""
_ORDINARY: Final = frozenset((_WORDS_THAT_ARE_NAMES + _WORDS_IN_IDS).split())
"""With a capital they may just begin a sentence: alone they do not tell that anybody is meant."""


def mask_of(person: str, name: str, others: Mapping[str, str]) -> Callable[[str], str]:
    """What takes others out of a text about a person.

    `others` are names by id, the empty text where only the id is known. What is also part of the
    person's own name stays, unless it stands with what is not.
    """
    own = {word.lower() for word in (*_words(name), *_words_of_id(person))}
    own_short = {_short(words) for words in (_words(name), _words_of_id(person)) if words}
    whole: set[str] = set()
    parts: set[str] = set()
    short: set[tuple[str, str]] = set()
    for each, called in others.items():
        words = _words(called) or _words_of_id(each)
        whole |= {each, called, " ".join(words)} if len(words) > 1 else {each, called}
        parts |= {word for word in words if len(word) > 1 and word.lower() not in own}
        if len(words) > 1:
            short.add(_short(words))
    whole -= {person, name, " ".join(_words(name)), ""}
    whole = {each for each in whole if each.strip()}
    patterns = []
    if whole:
        patterns.append(rf"(?<![\w.])(?i:{_any(whole)})")
    if short := short - own_short:
        initials = "|".join(
            rf"(?i:{re.escape(first)})\.?\s*{_as_name(last)}" for first, last in sorted(short)
        )
        patterns.append(rf"(?<![\w.])(?:{_TITLE}\s+)?(?:{initials})")
    if parts:
        titled = rf"{_TITLE}\s+(?:\w\.?\s+|(?i:{_any(parts)})\s+)*(?i:{_any(parts)})"
        patterns.append(rf"(?<!\w){titled}")
    if alone := {each for each in parts if len(each) > 2 and each.lower() not in _ORDINARY}:
        either = "|".join(map(_as_name, sorted(alone, key=len, reverse=True)))
        patterns.append(rf"(?<![\w.@])(?:{either})(?:[ -](?:{either})(?!\w))*")
    if not patterns:
        return str
    anybody = re.compile(rf"(?:{'|'.join(patterns)})(?!\w)")
    return lambda text: anybody.sub(SOMEBODY, text)


def _words(name: str) -> list[str]:
    """The words of a name, without titles and what is in brackets."""
    bare = re.sub(r"\(.*?\)|\[.*?\]", " ", name).replace(",", " ")
    titles = {title.lower() for title in _TITLES}
    return [word for word in bare.split() if word.rstrip(".").lower() not in titles]


def _words_of_id(person: str) -> list[str]:
    return [word.capitalize() for word in re.split(r"[._\-\d]+", person) if word.isalpha()]


def _short(words: list[str]) -> tuple[str, str]:
    """An initial and a surname, as they are compared."""
    return words[0][0].upper(), words[-1].capitalize()


def _any(texts: Iterable[str]) -> str:
    """Any of them, the longest first."""
    return "|".join(map(_escaped, sorted(texts, key=lambda text: (-len(text), text))))


def _as_name(word: str) -> str:
    """A word as names are written: with its capital, or in capitals."""
    forms = {word[:1].upper() + word[1:], word.upper()}
    return f"(?:{'|'.join(map(_escaped, sorted(forms)))})"


def _escaped(text: str) -> str:
    return re.sub(r"['’]", "['’]", re.escape(text).replace(r"\ ", r"\s+"))
