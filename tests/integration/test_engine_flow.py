"""The main job through the engine alone: events in, rows and messages out, on both engines of the store."""

from __future__ import annotations

import email
import email.message
import email.policy
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from drip.core.delivery import DeliveryState
from drip.core.events import (
    AskedToJoin,
    AskedToRegister,
    AttendanceReported,
    CancelledRegistration,
    ConfirmedRegistration,
    ConfirmedSubscription,
    JoinedSession,
    Scope,
    TagChanged,
    Unsubscribed,
)
from drip.core.message import Wire
from drip.core.records import Attendance, EnrollmentState, SubscriptionState
from drip.engine.advance import advance_due
from drip.engine.live import NotApplied
from drip.errors import NotFound, ProblemsFound
from drip.store.store import Store
from tests.stages import EVIDENCE, Ground, open_ground


def text_of(wire: Wire) -> str:
    """The decoded text part of a message."""
    message = email.message_from_bytes(wire.data, policy=email.policy.default)
    assert isinstance(message, email.message.EmailMessage)
    part = message.get_body(preferencelist=("plain",))
    assert part is not None
    return str(part.get_content())


@pytest.fixture
def ground(tmp_path: Path, store: Store) -> Ground:
    return open_ground(tmp_path / "project", store)


def test_nothing_is_sent_before_anything_is_applied(tmp_path: Path, store: Store) -> None:
    ground = Ground(tmp_path / "project", store)
    with pytest.raises(NotApplied):
        ground.join("ann@example.org")
    assert ground.tick().sent == 0


def test_an_invitation_goes_at_once_and_the_next_two_days_later_at_half_past_nine(ground: Ground) -> None:
    who = ground.join("ann@example.org", fields={"first_name": "Ann"})
    assert ground.tick().sent == 1
    assert ground.transport.posts("ann@example.org") == ["own-the-mistake"]
    assert "Hi Ann," in text_of(ground.transport.sent[0])
    ground.at("2026-11-25 14:29")
    assert ground.tick().sent == 0
    ground.at("2026-11-25 14:30")  # 9:30 in New York
    assert ground.tick().sent == 1
    assert ground.transport.posts("ann@example.org") == ["own-the-mistake", "two-second-resume-fix"]
    assert set(ground.states(who).values()) == {DeliveryState.SENT}
    ground.counts_hold()


def test_ticking_again_changes_nothing(ground: Ground) -> None:
    ground.join("ann@example.org")
    ground.tick()
    assert ground.engine.is_idle(ground.clock.now())
    for _ in range(3):
        assert ground.tick().sent == 0
    assert len(ground.transport.sent) == 1


def test_registering_ends_the_invitations_and_starts_the_reminders(ground: Ground) -> None:
    who = ground.join("ann@example.org")
    ground.tick()
    ground.register("ann@example.org", "tuesday-noon")
    assert ground.enrollment(who, "invite") == (EnrollmentState.GOAL, "goal-reached")
    ground.tick()
    assert ground.transport.posts("ann@example.org")[-1] == "you-are-in"
    invite = ground.transport.sent[-1].data
    assert b"text/calendar; method=REQUEST" in invite.replace(b"\r\n ", b" ")
    ground.at("2026-12-20 12:00")
    ground.tick()
    assert "two-second-resume-fix" not in ground.transport.posts("ann@example.org")


def test_an_invitation_that_is_due_in_this_very_run_is_not_sent_after_registering(ground: Ground) -> None:
    who = ground.join("ann@example.org")
    ground.tick()
    ground.at("2026-11-25 14:30")
    # The step is planned, and claimed by a run that is about to mark it.
    advance_due(ground.store, ground.engine.scene, ground.clock.now())
    with ground.store.write() as work:
        claimed = work.claim("somebody", ground.clock.now(), 10).deliveries
    assert [each.post for each in claimed] == ["two-second-resume-fix"]
    ground.register("ann@example.org", "tuesday-noon")
    with ground.store.write() as work:
        assert work.mark([each.id for each in claimed], "somebody", ground.clock.now()) == set()
    assert ground.states(who)["two-second-resume-fix"] is DeliveryState.CANCELLED


def test_reminders_go_before_the_session_and_the_follow_up_by_who_came(ground: Ground) -> None:
    for name in ("ann", "ben"):
        ground.join(f"{name}@example.org")
        ground.register(f"{name}@example.org", "tuesday-noon")
    ground.tick()
    for moment in ("2026-12-07 17:00", "2026-12-08 16:00", "2026-12-08 16:50"):
        ground.at(moment)
        ground.tick()
    reminders = ["see-you-tomorrow", "starting-in-an-hour", "we-are-live"]
    assert ground.transport.posts("ann@example.org")[-3:] == reminders
    ground.at("2026-12-08 17:03")
    with ground.store.read() as work:
        seats = work.registrations("six-deadly-mistakes")
    ground.engine.happen(JoinedSession(seats[0].id), ground.clock.now())
    ground.at("2026-12-08 18:00")
    ground.tick()
    ground.at("2026-12-08 20:00")
    ground.tick()
    assert ground.transport.posts("ann@example.org")[-1] == "recording-and-next-step"
    assert ground.transport.posts("ben@example.org")[-1] == "we-missed-you"
    with ground.store.read() as work:
        ann = work.subscriber(seats[0].subscriber_id)
    assert ann is not None
    assert ann.tags == {"webinar-graduate"}


def test_nobody_is_called_missed_when_the_join_page_was_not_used(ground: Ground) -> None:
    who = ground.join("ann@example.org")
    seat = ground.register("ann@example.org", "tuesday-noon")
    ground.tick()
    ground.at("2026-12-08 20:30")
    ground.tick()
    assert "we-missed-you" not in ground.transport.posts("ann@example.org")
    ground.engine.happen(AttendanceReported(seat, Attendance.ATTENDED, "the author"), ground.clock.now())
    ground.tick()
    assert ground.transport.posts("ann@example.org")[-1] == "recording-and-next-step"
    assert ground.enrollment(who, "follow-up")[0] is EnrollmentState.DONE


def test_unknown_attendance_is_given_up_after_a_day_and_never_guessed(ground: Ground) -> None:
    who = ground.join("ann@example.org")
    ground.register("ann@example.org", "tuesday-noon")
    ground.tick()
    for hours in range(0, 72, 4):
        ground.clock.set(ground.at("2026-12-08 18:00") + timedelta(hours=hours))
        ground.tick()
    posts = ground.transport.posts("ann@example.org")
    assert not {"we-missed-you", "recording-and-next-step"} & set(posts)
    assert ground.enrollment(who, "follow-up")[0] is EnrollmentState.DONE


def test_a_seat_given_back_is_not_reminded_of(ground: Ground) -> None:
    who = ground.join("ann@example.org")
    seat = ground.register("ann@example.org", "tuesday-noon")
    ground.tick()
    sent = len(ground.transport.sent)
    assert ground.engine.happen(CancelledRegistration(seat, EVIDENCE), ground.clock.now()).what == "cancelled"
    assert ground.engine.happen(CancelledRegistration(seat, EVIDENCE), ground.clock.now()).what == "already"
    ground.at("2026-12-09 12:00")
    ground.tick()
    assert len(ground.transport.sent) == sent
    assert ground.enrollment(who, "remind")[0] is EnrollmentState.STOPPED


def test_choosing_another_session_gives_the_first_seat_back(ground: Ground) -> None:
    ground.join("ann@example.org")
    ground.register("ann@example.org", "tuesday-noon")
    ground.register("ann@example.org", "saturday-morning")
    with ground.store.read() as work:
        assert work.booked_count("six-deadly-mistakes", "tuesday-noon") == 0
        assert work.booked_count("six-deadly-mistakes", "saturday-morning") == 1
    ground.at("2026-12-08 16:55")
    ground.tick()
    assert "we-are-live" not in ground.transport.posts("ann@example.org")


def test_one_press_ends_everything_that_is_for_sale(ground: Ground) -> None:
    who = ground.join("ann@example.org")
    ground.tick()
    ground.engine.happen(Unsubscribed(who, EVIDENCE), ground.clock.now())
    assert ground.enrollment(who, "invite") == (EnrollmentState.STOPPED, "unsubscribed")
    ground.at("2026-12-20 12:00")
    ground.tick()
    assert ground.transport.posts("ann@example.org") == ["own-the-mistake"]
    with ground.store.read() as work:
        assert work.subscriptions(who)[0].state is SubscriptionState.ENDED
        assert work.consents(who)[-1].kind == "withdrawn"


def test_webinar_mails_go_on_after_one_press_on_the_letter_but_not_after_leaving_everything(ground: Ground) -> None:
    who = ground.join("ann@example.org")
    ground.tick()
    ground.register("ann@example.org", "tuesday-noon")
    ground.engine.happen(Unsubscribed(who, EVIDENCE), ground.clock.now())
    ground.tick()
    assert ground.transport.posts("ann@example.org")[-1] == "you-are-in"
    ground.engine.happen(Unsubscribed(who, EVIDENCE, Scope.EVERYTHING), ground.clock.now())
    sent = len(ground.transport.sent)
    ground.at("2026-12-08 16:00")
    ground.tick()
    assert len(ground.transport.sent) == sent


def test_asking_again_and_again_mails_once_in_a_quarter_of_an_hour_and_thrice_a_day(ground: Ground) -> None:
    for minutes in range(0, 600, 5):
        now = ground.clock.now() + timedelta(minutes=minutes)
        ground.engine.happen(AskedToJoin("ann@example.org", "job-seekers", EVIDENCE), now)
    ground.at("2026-11-24 02:00")
    ground.tick()
    assert 1 <= len(ground.transport.sent) <= 3


def test_confirming_twice_is_the_same_as_once(ground: Ground) -> None:
    asked = ground.engine.happen(AskedToJoin("Ann@example.org", "job-seekers", EVIDENCE), ground.clock.now())
    assert asked.subscription_id is not None
    event = ConfirmedSubscription(asked.subscription_id, EVIDENCE)
    assert ground.engine.happen(event, ground.clock.now()).what == "confirmed"
    assert ground.engine.happen(event, ground.clock.now()).what == "already"
    ground.engine.happen(AskedToJoin("ANN@example.org", "job-seekers", EVIDENCE), ground.clock.now())
    ground.tick()
    posts = ground.transport.posts("ann@example.org")
    assert sorted(posts) == ["already-subscribed", "confirm-subscription", "own-the-mistake"]


def test_an_old_confirmation_link_does_not_undo_a_later_no(ground: Ground) -> None:
    asked = ground.engine.happen(AskedToJoin("ann@example.org", "job-seekers", EVIDENCE), ground.clock.now())
    assert asked.subscription_id is not None
    assert asked.subscriber_id is not None
    ground.engine.happen(ConfirmedSubscription(asked.subscription_id, EVIDENCE), ground.clock.now())
    ground.engine.happen(Unsubscribed(asked.subscriber_id, EVIDENCE), ground.clock.now())
    again = ground.engine.happen(ConfirmedSubscription(asked.subscription_id, EVIDENCE), ground.clock.now())
    assert again.what == "ended"


def test_half_the_seats_are_never_sold_twice(ground: Ground) -> None:
    ground.edit("campaigns/six-deadly-mistakes/campaign.yaml", "seats: 100", "seats: 3")
    ground.apply()
    booked = []
    for number in range(6):
        email = f"r{number}@example.org"
        ground.join(email)
        asked = ground.engine.happen(
            AskedToRegister(email, "six-deadly-mistakes", "tuesday-noon", EVIDENCE), ground.clock.now()
        )
        assert asked.registration_id is not None
        booked.append(
            ground.engine.happen(ConfirmedRegistration(asked.registration_id, EVIDENCE), ground.clock.now()).what
        )
    assert booked == ["booked"] * 3 + ["full"] * 3


def test_a_changed_delay_applies_to_those_who_wait(ground: Ground) -> None:
    ground.join("ann@example.org")
    ground.tick()
    plot = "campaigns/six-deadly-mistakes/campaign.yaml"
    ground.edit(plot, "when: 2 days later at 9:30", "when: 1 day later at 9:30")
    ground.at("2026-11-24 13:00")
    ground.apply()
    ground.tick()
    assert len(ground.transport.sent) == 1
    ground.at("2026-11-24 14:30")
    assert ground.tick().sent == 1


def test_a_half_written_file_changes_nothing_that_is_live(ground: Ground) -> None:
    ground.join("ann@example.org")
    ground.edit("campaigns/six-deadly-mistakes/campaign.yaml", "steps:", "steps")
    with pytest.raises(ProblemsFound):
        ground.apply()
    assert ground.tick().sent == 1


def test_a_tag_starts_nothing_twice(ground: Ground) -> None:
    who = ground.join("ann@example.org")
    assert ground.engine.happen(TagChanged(who, "friend", present=True), ground.clock.now()).what == "changed"
    assert ground.engine.happen(TagChanged(who, "friend", present=True), ground.clock.now()).what == "same"
    assert ground.engine.happen(TagChanged(who, "friend", present=False), ground.clock.now()).what == "changed"


def test_an_unknown_list_or_session_is_named(ground: Ground) -> None:
    with pytest.raises(NotFound, match="no list `nobody`"):
        ground.engine.happen(AskedToJoin("ann@example.org", "nobody", EVIDENCE), ground.clock.now())


def test_the_same_mailbox_gets_a_broadcast_once_whatever_its_spelling(ground: Ground) -> None:
    ground.join("ann@example.org")
    ground.join("ANN@EXAMPLE.org")
    ground.join("ben@example.org")
    ground.at("2026-12-01 14:00")
    for _ in range(2):
        ground.tick()
    letters = [each for wire in ("ann@example.org", "ben@example.org") for each in ground.transport.posts(wire)]
    with ground.store.read() as work:
        planned = [each for each in work.broadcasts() if each.recipients]
    assert len(planned) <= 1
    for each in planned:
        assert letters.count(each.post) == each.recipients == 2


def test_a_broadcast_in_the_readers_time_reaches_every_zone_at_its_own_nine_o_clock(ground: Ground) -> None:
    zones = {"jun": "Asia/Tokyo", "ann": "America/New_York", "kai": "Pacific/Honolulu", "tia": "Pacific/Kiritimati"}
    for name, zone in zones.items():
        ground.join(f"{name}@example.org", zone=zone)
    arrived = {}
    start = ground.at("2026-11-30 12:00")
    for hours in range(48):
        ground.clock.set(start + timedelta(hours=hours))
        ground.tick()
        for name, zone in zones.items():
            if "december-letter" in ground.transport.posts(f"{name}@example.org") and name not in arrived:
                arrived[name] = f"{ground.clock.now().astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"
    assert arrived == dict.fromkeys(zones, "2026-12-01 09:00")


def test_a_confirmation_carries_nothing_that_a_stranger_typed(ground: Ground) -> None:
    event = AskedToJoin("ann@example.org", "job-seekers", EVIDENCE, fields={"first_name": "BUY NOW"})
    ground.engine.happen(event, ground.clock.now())
    ground.tick()
    assert b"BUY NOW" not in ground.transport.sent[0].data


def test_three_questions_a_day_are_mailed_and_no_fourth(ground: Ground) -> None:
    for hour in range(5):
        ground.at(f"2026-11-24 {10 + hour}:00")
        ground.engine.happen(AskedToJoin("ann@example.org", "job-seekers", EVIDENCE), ground.clock.now())
        ground.tick()
    assert ground.transport.posts("ann@example.org") == ["confirm-subscription"] * 3
    ground.at("2026-11-25 14:30")
    ground.engine.happen(AskedToJoin("ann@example.org", "job-seekers", EVIDENCE), ground.clock.now())
    ground.tick()
    assert len(ground.transport.sent) == 4


def test_rule_11_a_tag_of_one_sequence_ends_another_that_is_due_in_the_same_moment(ground: Ground) -> None:
    ground.edit(
        "campaigns/six-deadly-mistakes/campaign.yaml",
        "sequences:\n",
        """sequences:
  at-first:
    start: joins job-seekers
    steps:
      - tag: customer
        when: 1 day later at 9:30
  at-last:
    start: joins job-seekers
    goal: gets tag customer
    steps:
      - send: last-seats
        when: 1 day later at 9:30
""",
    )
    ground.apply()
    who = ground.join("ann@example.org")
    ground.tick()
    ground.at("2026-11-24 14:30")
    ground.tick()
    assert ground.enrollment(who, "at-first")[0] is EnrollmentState.DONE
    assert ground.enrollment(who, "at-last") == (EnrollmentState.GOAL, "goal-reached")
    assert "last-seats" not in ground.transport.posts("ann@example.org")
