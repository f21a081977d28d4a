"""What editors check of the small texts of a policy, as patterns for JSON Schema.

Each lets through all that its reader does (`rules.readers`, `rules.lengths`), and of what that
refuses the usual slips only: an editor must never mark what the loader takes. Days and hours have
theirs beside the words they are made of.
"""

from typing import Final

from rules.hours import any_case

_DAY = (
    r"[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|[12][0-9]))"
)
DATE: Final = rf"^{_DAY}$"
MOMENT: Final = rf"^\s*{_DAY} +(?:[01][0-9]|2[0-3]):[0-5][0-9]\s*$"

_NUMBER = r"[0-9]{1,4}\s*"
_HOURS = rf"{_NUMBER}(?:{any_case('hour')}|{any_case('hr')}|[Hh])[Ss]?"
_MINUTES = rf"{_NUMBER}(?:{any_case('minute')}|{any_case('min')}|[Mm])[Ss]?"
LENGTH: Final = rf"^\s*(?:{_HOURS}|(?:{_HOURS}(?:\s*{any_case('and')}|,)?\s*)?{_MINUTES})\s*$"
_LONG_UNITS = "|".join(map(any_case, ("day", "week", "month", "year")))
PERIOD: Final = rf"^\s*{_NUMBER}(?:{_LONG_UNITS})[Ss]?\s*$"

EMAIL: Final = r"""^[^\s@<>"']+@[^\s@<>"']+\.[^\s@<>"']+$"""
ACCOUNT: Final = r"^\s*[^\\\s/]+\s*$"
REALM: Final = r"^\s*[^\s@\\/:]+\s*$"

_BYTE = "(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_IPV4 = rf"{_BYTE}(?:\.{_BYTE}){{3}}"
_IPV6 = r"[0-9A-Fa-f]*:[0-9A-Fa-f:.]+"
_HARDWARE = r"\s*[:.-]*(?:[0-9A-Fa-f][:.-]*){12}\s*"
ADDRESS: Final = rf"^(?:{_IPV4}|{_IPV6})(?:%[\s\S]*)?$"
HARDWARE_ADDRESS: Final = rf"^{_HARDWARE}$"
EITHER_ADDRESS: Final = rf"^(?:(?:{_IPV4}|{_IPV6})(?:%[\s\S]*)?|{_HARDWARE})$"
NETWORK: Final = rf"^(?:{_IPV4}(?:/[0-9.]+)?|{_IPV6}(?:%[^/]*)?(?:/[0-9]+)?)$"
LISTENER: Final = r"^\s*(?:\[[0-9A-Fa-f:.]+\]|[0-9.]+):[0-9]{1,5}\s*$"

HOST: Final = r"^\s*[^\s/@]+\s*$"
# A dot, or letters beyond ASCII: some of those stand for a dot.
DOMAIN: Final = r"^\s*[^\s/@]*(?:\.|[^\x00-\x7f])[^\s/@]*\s*$"
PATH: Final = r"^(?!\s*https?:)[^/]*/[^?#]*$"
ENDPOINT: Final = r"^\s*[^\s/]+ [^/]*/[^?#]*$"

_AREAS = (
    "Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Brazil|Canada|Chile|Etc|Europe"
    "|Indian|Mexico|Pacific|SystemV|US|posix|right"
)
_ZONES = (
    r"[CEMP]ST[5-8][CEMP]DT|CET|Cuba|EET|EST|Egypt|Eire|Factory|GB|GB-Eire|GMT|GMT[+-]?0"
    "|Greenwich|HST|Hongkong|Iceland|Iran|Israel|Jamaica|Japan|Kwajalein|Libya|MET|MST|NZ|NZ-CHAT"
    "|Navajo|PRC|Poland|Portugal|ROC|ROK|Singapore|Turkey|UCT|UTC|Universal|W-SU|WET|Zulu"
    "|localtime|posixrules"
)
TIMEZONE: Final = rf"^(?:(?:{_AREAS})/[A-Za-z0-9/_+-]+|{_ZONES})$"
