"""Days and hours as people write them."""

from datetime import datetime

import pytest

from rules.hours import parse_window

WRITTEN = [
    ("Mon-Fri 08:30-15:45", "Monday to Friday, 08:30 to 15:45"),
    ("mon – fri 8.30am–3.45pm", "Monday to Friday, 08:30 to 15:45"),
    ("Monday to Friday 8:30 to 15:45", "Monday to Friday, 08:30 to 15:45"),
    ("weekdays 8-11am", "Monday to Friday, 08:00 to 11:00"),
    ("weekdays 8am-4pm", "Monday to Friday, 08:00 to 16:00"),
    ("Sat and Sun", "Saturday and Sunday"),
    ("weekend", "Saturday and Sunday"),
    ("Tues, Thur 12:00-13:00", "Tuesday and Thursday, 12:00 to 13:00"),
    ("Mon, Wed, Fri", "Monday, Wednesday and Friday"),
    ("Fri-Mon", "Monday, Friday, Saturday and Sunday"),
    ("Wed", "Wednesday"),
    ("12:00-24:00", "12:00 to 24:00"),
    ("12am-12pm", "00:00 to 12:00"),
    ("every day", "every day"),
    ("Weds", "Wednesday"),
    ("Mon-Fri 0800-1700", "Monday to Friday, 08:00 to 17:00"),
    ("Mon-Fri: 830-1545", "Monday to Friday, 08:30 to 15:45"),
    ("8-17", "08:00 to 17:00"),
    ("8:00-16", "08:00 to 16:00"),
    ("9-12:30", "09:00 to 12:30"),
    ("8-4pm", "08:00 to 16:00"),
    ("1-4pm", "13:00 to 16:00"),
    ("1:30-3pm", "13:30 to 15:00"),
    ("8:30-3pm", "08:30 to 15:00"),
    ("12:15-1pm", "12:15 to 13:00"),
    ("13:30-3pm", "13:30 to 15:00"),
    ("midday-3pm", "12:00 to 15:00"),
    ("6-16", "06:00 to 16:00"),
    ("9 to noon", "09:00 to 12:00"),
    ("Noon-16:00", "12:00 to 16:00"),
    ("20:00-midnight", "20:00 to 24:00"),
    ("midnight-06:00", "00:00 to 06:00"),
    ("daily 09:00 until 17:00", "09:00 to 17:00"),
]


@pytest.mark.parametrize(("text", "words"), WRITTEN)
def test_hours_are_read_as_people_write_them(text: str, words: str) -> None:
    assert str(parse_window(text)) == words


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The days and hours are empty; write them like 'Mon-Fri 08:30-15:45'."),
        ("Mon 25:00-26:00", "'25:00' is not a time of day; write it like '08:30'."),
        ("Mon 08:60-09:00", "'08:60' is not a time of day; write it like '08:30'."),
        ("Mon 13pm-3pm", "'13pm' is not a time of day; write it like '08:30'."),
        ("Mon 13-3pm", "'13pm' is not a time of day; write it like '08:30'."),
        ("Mon 2500-2600", "'2500' is not a time of day; write it like '08:30'."),
        ("Mon 8-4", "'4' could be morning or evening; write it like '08:30' or '8am'."),
        ("Mon 8:30-4", "'4' could be morning or evening; write it like '08:30' or '8am'."),
        ("Mon 8-9:30", "'8' could be morning or evening; write it like '08:30' or '8am'."),
        ("Mon 01:30-3pm", "'01:30' could be morning or evening; write it like '08:30' or '8am'."),
        ("Mon 1-15:30", "'1' could be morning or evening; write it like '08:30' or '8am'."),
        ("8-midnight", "'8' could be morning or evening; write it like '08:30' or '8am'."),
        ("M-F", "'M' is not a day. Days are written like 'Mon-Fri'."),
        (
            "noon",
            "'noon' is not a day. Write the days first, and hours from and to:"
            " 'Mon-Fri 08:30-15:45'.",
        ),
        (
            "08:00-17:00 Mon",
            "'08:00' is not a day. Write the days first, and hours from and to:"
            " 'Mon-Fri 08:30-15:45'.",
        ),
        ("term-time", "'term' is not a day. Days are written like 'Mon-Fri'."),
        ("Mondy 08:00-09:00", "'Mondy' is not a day. Did you mean 'Monday'?"),
        ("Xyzzy", "'Xyzzy' is not a day. Days are written like 'Mon-Fri'."),
        ("Mon-Wed, Tue-Fri 09:00-10:00", "'Mon-Wed, Tue-Fri' names Tuesday twice."),
        (
            "Mon 22:00-06:00",
            "'22:00-06:00' ends before it begins; for a night, write one line for each day.",
        ),
    ],
)
def test_hours_that_cannot_be_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the message is compared whole
        parse_window(text)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("local", "holds"),
    [
        ("2026-11-23T08:29:59", False),
        ("2026-11-23T08:30:00", True),
        ("2026-11-23T15:44:59", True),
        ("2026-11-23T15:45:00", False),
        ("2026-11-22T12:00:00", False),  # a Sunday
    ],
)
def test_a_window_holds_from_its_first_minute_up_to_its_last(local: str, holds: bool) -> None:
    moment = datetime.fromisoformat(local)
    assert parse_window("Mon-Fri 08:30-15:45").holds(moment) is holds


def test_windows_overlap_when_they_share_a_minute_of_the_week() -> None:
    morning = parse_window("Mon 09:00-12:00")
    assert morning.overlaps(parse_window("Mon-Fri 11:59-13:00"))
    assert not morning.overlaps(parse_window("Mon 12:00-13:00"))
    assert not morning.overlaps(parse_window("Tue 09:00-12:00"))
