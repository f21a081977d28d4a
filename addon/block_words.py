"""What the block page says for each outcome, beside the policy's own reason and clause."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Words:
    """The page's own sentences for one outcome; `{site}` in the heading is the site's name."""

    heading: str
    next_step: str
    comfort: str = ""
    ask: str = ""  # what the link to the portal says; '' where asking there would not help
    about: str = ""  # what it asks about, where that is not the site
    on_record: str = ""  # what is particular about the record this time
    only_restricted_sites: bool = True  # False where even unrestricted sites are decided on

    def title(self, site: str) -> str:
        """The heading with the site's name in it."""
        return self.heading.replace("{site}", site)


_NOTHING_WRONG: Final = "Seeing this page does not mean that you did anything wrong."
_OF_ITSELF: Final = (
    "A browser extension, an app or a fault can cause this. It need not be anything you did."
)
_TYPE_AGAIN: Final = (
    "Type the address again, or follow the link again. If this page comes back, tell us."
)
_TRY_AGAIN: Final = (
    "Try again in a minute. If this page comes back, please tell us, so that we can mend it."
)

OTHERWISE: Final = Words(
    heading="{site} did not open",
    comfort=_NOTHING_WRONG,
    next_step=_TRY_AGAIN,
)

# The keys are the values of rules.policy.Outcome; a test holds the two together.
WORDS: Final[Mapping[str, Words]] = {
    "no-purpose": Words(
        heading="{site} is not open just now",
        comfort=_NOTHING_WRONG,
        next_step="Do you need it for school? Tell us what for, and we will see what we can do.",
        ask="See how to ask for it",
    ),
    "unidentified": Words(
        heading="We do not know whose device this is",
        comfort=_NOTHING_WRONG,
        next_step="Use a school device that is set up for you, or ask for this one to be added.",
        ask="Ask about this device",
        about="device",
    ),
    "withdrawn": Words(
        heading="Your web access is withdrawn for now",
        comfort="The sites you need most for your work may still open.",
        next_step="Please talk it over with us. You can hear why, and say how you see it.",
        only_restricted_sites=False,
    ),
    "mismatch": Words(
        heading="This request names two different sites",
        comfort=_OF_ITSELF,
        next_step=_TYPE_AGAIN,
    ),
    "malformed": Words(
        heading="We could not make sense of this request",
        comfort=_OF_ITSELF,
        next_step=_TYPE_AGAIN,
    ),
    "nameless": Words(
        heading="This connection did not say where it was going",
        comfort="An old app or a device that is set up differently can cause this.",
        next_step="Type the site’s name in your browser. If this page comes back, tell us.",
    ),
    "internal-error": Words(
        heading="Something went wrong on our side",
        next_step=_TRY_AGAIN,
    ),
    "record-unavailable": Words(
        heading="{site} cannot open just now",
        next_step="If this page comes back after that, please tell us, so that we can mend it.",
        on_record="The record could not be written in time, so it may not hold this request.",
    ),
    "record-full": Words(
        heading="{site} cannot open just now",
        comfort=_NOTHING_WRONG,
        next_step="Please tell us, so that we can make room. Other sites open as they always do.",
        on_record="The record has no room just now, so it may not hold this request.",
    ),
    "app-refused": Words(
        heading="The app did not accept the school’s certificate",
        next_step="Tell us which app and device it was, so that we can look into it.",
    ),
    "no-certificate": Words(
        heading="{site} cannot open just now",
        next_step="Please tell us, so that we can mend it.",
    ),
}
