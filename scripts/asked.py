"""The request that somebody asks about: an address as it is typed, and what would be done there."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from rules.hosts import HostError
from rules.policy import Policy
from rules.request import WebRequest, request_for
from rules.sites import Action

_A_WORD = re.compile(r"[\w-]+")


class CannotAsk(HostError):
    """There is nothing to ask about; the message is a sentence that says why."""


@dataclass(frozen=True, slots=True)
class Asking:
    """How to ask about an address: with which method, or doing what.

    With an action it is a request of the site's that the catalogue knows to be just that.
    """

    rules: Policy
    method: str = "GET"
    action: Action | None = None

    def about(self, text: str) -> WebRequest:
        """The request to an address. Raises HostError if it is none, CannotAsk if it misleads."""
        if "://" not in text:
            _check(text, self.rules)
        request = request_for(text, self.method)
        return request if self.action is None else self._doing(request, self.action)

    def _doing(self, request: WebRequest, action: Action) -> WebRequest:
        if action is Action.VIEW:
            return request
        site = self.rules.catalogue.site_of(request.host)
        if site is None:
            raise CannotAsk(f"{request.host} is no site of the catalogue, so no action is known.")
        known = site.request_for(action, request.host)
        if known is None:
            raise CannotAsk(
                f"The catalogue knows no request of {site.name} that is '{action}', so there it"
                " would count as 'view'."
            )
        method, host, path = known
        return replace(request, method=method, host=host, path=path)


def _check(text: str, rules: Policy) -> None:
    """Refuse what a browser would not open as it stands: "not restricted" would be true, and
    mislead whoever mistyped or meant a site by its short name.
    """
    if _A_WORD.fullmatch(text):
        hint = ""
        if (site := rules.catalogue.sites.get(text.lower())) and site.domains:
            hint = f"; for {site.name} ask about one of its addresses, such as {site.domains[0]}"
        raise CannotAsk(
            f"{text!r} is neither a web address, such as https://www.facebook.com/, nor the"
            f" reference of a block page{hint}."
        )
    if "@" in text.partition("/")[0]:
        raise CannotAsk(f"{text!r} is not a web address: it reads like an e-mail address.")
