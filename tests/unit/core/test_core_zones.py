"""Rule 7 over six years of eight zones: what is due once a day comes exactly once on every date of their calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest

from drip.core.when import due, local_to_utc, local_wall, parse_when

# Their rules of those years are past and so will not change: half hours, midnight changes, years without a rule,
# and the day that Samoa left out when it moved to the other side of the date line.
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Africa/Cairo",
    "America/Sao_Paulo",
    "UTC",
)
FIRST, LAST = date(2009, 1, 1), date(2014, 12, 31)
LEFT_OUT = {"Pacific/Apia": {date(2011, 12, 30)}}


def dates_of(zone: str, phrase: str) -> list[date]:
    """The dates, by the clocks of the zone, on which a mail comes that is sent again a day after each."""
    when = parse_when(phrase)
    moment = local_to_utc(datetime.combine(FIRST, time(12)) - timedelta(days=1), zone)
    end = local_to_utc(datetime.combine(LAST, time(23, 59)), zone)
    found = []
    while True:
        moment = due(when, anchor=moment, zone=zone, hours=None, session=None, campaign_zone=zone)
        if moment > end:
            return found
        found.append(local_wall(moment, zone).date())


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("clock", ["0:00", "2:15"])
def test_rule_07_exactly_one_mail_on_every_local_date(zone: str, clock: str) -> None:
    days = [FIRST + timedelta(days=each) for each in range((LAST - FIRST).days + 1)]
    expected = [each for each in days if each not in LEFT_OUT.get(zone, ())]
    assert dates_of(zone, f"1 day later at {clock}") == expected


def test_rule_07_a_leap_day_is_a_day() -> None:
    moment, zone = datetime(2024, 2, 28, 15, tzinfo=UTC), "Europe/Berlin"
    for expected in (date(2024, 2, 29), date(2024, 3, 1)):
        when = parse_when("1 day later")
        moment = due(when, anchor=moment, zone=zone, hours=None, session=None, campaign_zone=zone)
        assert local_wall(moment, zone).date() == expected
