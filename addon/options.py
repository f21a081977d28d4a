"""What can be set at a gate: options of mitmproxy's own, so that `mitmdump -s` has them too."""

from __future__ import annotations

from mitmproxy.addonmanager import Loader
from mitmproxy.exceptions import OptionsError

from addon.sizes import DEFAULT_LIMIT
from rules.loading import SHIPPED_POLICY


def add_options(loader: Loader) -> None:
    """Declares them; mitmproxy's `--options` prints their help."""
    loader.add_option(
        "schoolgate_policy",
        str,
        str(SHIPPED_POLICY),
        "The YAML file with the school's policy. Default: the shipped policy.",
    )
    loader.add_option(
        "schoolgate_state",
        str,
        "var",
        "The folder for the record, the certificate authority and the status files.",
    )
    loader.add_option(
        "schoolgate_record",
        str,
        "",
        "A PostgreSQL database with the record, instead of a file in the state folder. It can"
        " be given as SCHOOLGATE_RECORD too, which keeps it off the command line.",
    )
    loader.add_option(
        "schoolgate_portal",
        str,
        "http://127.0.0.1:8081",
        "The address of the portal that block pages link to.",
    )
    loader.add_option(
        "schoolgate_record_within",
        str,
        "2.0",
        "Seconds that an allowed request may wait for the record before it is refused.",
    )
    loader.add_option(
        "schoolgate_record_limit",
        str,
        DEFAULT_LIMIT,
        "The most room that a record in the state folder may take, such as 20GB, or none. From"
        " there on restricted sites are refused, and nothing else.",
    )
    loader.add_option(
        "schoolgate_worker",
        int,
        0,
        "This worker's number, from 0 to 15, of those on one record.",
    )


def seconds_of(text: str) -> float:
    """How long an allowed request may wait for the record. Raises OptionsError."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 60:
        raise OptionsError(f"schoolgate_record_within is {text!r}; give seconds, such as 2 or 0.5.")
    return seconds
