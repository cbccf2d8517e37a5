"""The mails ahead as a calendar: an entry for each post and day, which a later forecast moves."""

from __future__ import annotations

from datetime import UTC, date, datetime

from icalendar import Calendar

from drip.mail.forecast_calendar import Batch, forecast_calendar

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


def entries(*batches: Batch) -> list[dict[str, str]]:
    written = forecast_calendar(batches, title="Letters", host="mail.example.com", stamp=NOON)
    assert written.endswith(b"END:VCALENDAR\r\n")
    calendar = Calendar.from_ical(written)
    return [{name: value.to_ical().decode() for name, value in each.items()} for each in calendar.walk("VEVENT")]


def test_an_entry_says_how_many_get_what() -> None:
    late = datetime(2026, 12, 1, 20, tzinfo=UTC)
    day = Batch("six", "invite/last-seats", date(2026, 12, 1), NOON, late, 1200)
    alone = Batch("six", "june-letter", date(2026, 12, 2), NOON, NOON, 1)
    many, one = entries(day, alone)
    assert many["SUMMARY"] == "1\\,200 mails: invite/last-seats"
    assert (many["DTSTART"], many["DTEND"]) == ("20261201T120000Z", "20261201T200000Z")
    assert many["TRANSP"] == "TRANSPARENT"
    assert one["SUMMARY"] == "1 mail: june-letter"
    assert one["DTEND"] == "20261201T121500Z"


def test_the_same_post_on_the_same_day_is_the_same_entry() -> None:
    def batch(mails: int, first: datetime = NOON) -> Batch:
        return Batch("six", "invite/last-seats", date(2026, 12, 1), first, first, mails)

    before, after = entries(batch(3), batch(5, datetime(2026, 12, 1, 13, tzinfo=UTC)))
    assert before["UID"] == after["UID"]
    assert before["SUMMARY"] != after["SUMMARY"]


def test_what_authors_write_breaks_no_line() -> None:
    (entry,) = entries(Batch("a\r\nb", "x\nSUMMARY:y", date(2026, 12, 1), NOON, NOON, 2))
    assert "\n" not in entry["SUMMARY"]
