"""Plays a story on the real engine in memory, and holds what people got against what they were to get.

The people do what their lines say and nothing else; the relay takes everything; cron calls every minute. Never touches
the author's database or relay, and prints nothing. Called by `drip test`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from drip.core.clicks import EARLY, counted_posts
from drip.core.events import (
    AddedByAuthor,
    AskedToJoin,
    AskedToRegister,
    AttendanceReported,
    CancelledRegistration,
    ChoseClicks,
    ChoseZone,
    ConfirmedRegistration,
    ConfirmedSubscription,
    Event,
    JoinedSession,
    LinkClicked,
    LinkFetched,
    MovedRegistration,
    Scope,
    TagChanged,
    Unsubscribed,
)
from drip.core.model import Campaign, ProjectDefinition
from drip.core.offers import offers
from drip.core.parts import is_series
from drip.core.records import (
    Attendance,
    DeliveryId,
    Enrollment,
    Evidence,
    Registration,
    RegistrationState,
    SubscriberId,
    SubscriptionState,
)
from drip.core.story import NEXT, Deed, DeedKind, Story, StoryPerson
from drip.engine.values import WEBINAR_LINK
from drip.rehearsal.compare import Line, compare_mails
from drip.rehearsal.crowd import Habits, Person
from drip.rehearsal.play import Play, Setting, Taken
from drip.rehearsal.reasons import why_it_came, why_it_did_not
from drip.rehearsal.relay import NONE

if TYPE_CHECKING:
    from drip.store.work import Work

EVIDENCE = Evidence(where="a drip test")
MINUTE = timedelta(minutes=1)
DAYS_AFTER = 731
"""How long is played after the last line: two years hold any sequence that a test is about. Idle days cost nothing."""
NOBODY_ACTS = Habits(0, 0, 0, 0, 0, 0, 0, 0, 0)
DOORS_OPEN = timedelta(minutes=15)
"""How long before the start the join page lets people in, as on the real page."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one person's lines. `lines` is the diff of their mails; None where their mails are not told."""

    person: StoryPerson
    lines: tuple[Line, ...] | None
    faults: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether everything was as told."""
        return not self.faults and not any(line.is_off for line in self.lines or ())


@dataclass(frozen=True, slots=True)
class Told:
    """A story that was played. `broken` are promises of drip itself that were broken on the way: bugs."""

    story: Story
    verdicts: tuple[Verdict, ...]
    broken: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the story holds."""
        return not self.broken and all(each.passed for each in self.verdicts)


def tell(files: Mapping[str, str], definition: ProjectDefinition, campaign: Campaign, story: Story) -> Told:
    """Play one story. The files were read and found to be sound."""
    return _Telling(files, definition, campaign, story).tell()


class _Unfit(Exception):
    """A deed that cannot be done at its moment; the sentence says why."""


class _Telling:
    """One story on its stage."""

    def __init__(
        self, files: Mapping[str, str], definition: ProjectDefinition, campaign: Campaign, story: Story
    ) -> None:
        last = max((deed.at for one in story.people for deed in one.deeds), default=story.begins)
        setting = Setting(
            start=story.begins,
            days=(last - story.begins).days + DAYS_AFTER,
            seed=1,
            people=0,
            every=MINUTE,
            faults=NONE,
            habits=NOBODY_ACTS,
            composed_first=0,
        )
        self.story = story
        self.campaign = campaign
        self.play = Play(files, definition, setting, names=(story.campaign,), read=(campaign,))
        self.faults: dict[str, list[str]] = {one.name: [] for one in story.people}
        self.actors = {
            one.name: Person(number, one.email, one.zone, self.play.dice.about("person", number))
            for number, one in enumerate(story.people, 1)
        }

    def tell(self) -> Told:
        """Play it and judge it."""
        self.play.open()
        for one in self.story.people:
            self.play.people[one.email] = self.actors[one.name]
            for deed in one.deeds:
                self.play.at(deed.at, lambda one=one, deed=deed: self._act(one, deed))  # type: ignore[misc]
        self.play.run()
        with self.play.store.read() as work:
            verdicts = tuple(self._judge(work, one) for one in self.story.people)
        self.play.store.close()
        return Told(self.story, verdicts, tuple(self.play.watch.broken))

    # --- deeds -------------------------------------------------------------------------------------------------------

    def _act(self, one: StoryPerson, deed: Deed) -> None:
        actor = self.actors[one.name]
        refused = self.play.refused.total()
        try:
            for make in _PERFORMERS[deed.kind]:
                event = make(self, one, deed)
                if event is not None:
                    said_no = actor.said_no
                    self.play.happen(actor, deed.text, event)
                    # Who leaves one list may have others, and whom the author adds with consent is back.
                    one_list = isinstance(event, Unsubscribed) and event.list is not None
                    actor.said_no = said_no if one_list else actor.said_no and not isinstance(event, AddedByAuthor)
        except _Unfit as unfit:
            self.faults[one.name].append(f"line {deed.line}: `{deed.text}` cannot be: {unfit}")
            return
        if self.play.refused.total() > refused:
            why = list(self.play.refused)[-1].removeprefix(f"{deed.text}: ")
            self.faults[one.name].append(f"line {deed.line}: `{deed.text}` was refused: {why}")

    def _who(self, one: StoryPerson) -> SubscriberId:
        """The subscriber; whoever is not known yet is noted down by the author."""
        actor = self.actors[one.name]
        if actor.subscriber_id is None:
            added = AddedByAuthor(one.email, None, EVIDENCE, zone=self._zone(one), fields=one.fields)
            self.play.happen(actor, "is noted down", added)
        assert actor.subscriber_id is not None, "whoever was added is known"
        return actor.subscriber_id

    @staticmethod
    def _zone(one: StoryPerson) -> str | None:
        return one.zone if one.has_own_zone else None

    def _seats(self, one: StoryPerson, *states: RegistrationState) -> list[Registration]:
        """The registrations of this campaign, newest last."""
        who = self._who(one)
        with self.play.store.read() as work:
            found = work.registrations_of(who)
        mine = (each for each in found if each.campaign == self.story.campaign and each.state in states)
        return sorted(mine, key=lambda each: each.id)

    def _seat(self, one: StoryPerson, deed: Deed | None = None) -> Registration:
        """The seat that they have; in a series that of the part which has begun last when the deed is done."""
        booked = self._seats(one, RegistrationState.BOOKED)
        if not booked:
            raise _Unfit(f"{one.name} has no seat then")
        webinar = self.campaign.webinar
        if deed is None or webinar is None or not webinar.is_series:
            return booked[-1]
        begun = [
            (session.starts, each.id, each)
            for each in booked
            if (session := webinar.session_named(each.session)) and session.starts - DOORS_OPEN <= deed.at
        ]
        return max(begun)[2] if begun else booked[0]

    def asks_to_join(self, one: StoryPerson, deed: Deed) -> Event:
        """The form is sent in."""
        return AskedToJoin(one.email, deed.argument, EVIDENCE, self._zone(one), one.fields)

    def says_yes(self, one: StoryPerson, deed: Deed) -> Event | None:
        """The button of the confirmation. A list with single opt-in has none."""
        who = self._who(one)
        with self.play.store.read() as work:
            pending = [each for each in work.subscriptions(who) if each.state is SubscriptionState.PENDING]
        mine = [each for each in pending if each.list == deed.argument]
        return ConfirmedSubscription(mine[-1].id, EVIDENCE) if mine else None

    def confirms(self, one: StoryPerson, deed: Deed) -> Event:
        """The button of the last question: a list, or a seat."""
        who = self._who(one)
        with self.play.store.read() as work:
            lists = [each for each in work.subscriptions(who) if each.state is SubscriptionState.PENDING]
        seats = self._seats(one, RegistrationState.PENDING)
        newest = max(lists, key=lambda each: each.requested_at, default=None)
        if seats and (newest is None or seats[-1].requested_at >= newest.requested_at):
            return ConfirmedRegistration(seats[-1].id, EVIDENCE)
        if newest is None:
            raise _Unfit(f"{one.name} was asked nothing")
        return ConfirmedSubscription(newest.id, EVIDENCE)

    def is_added(self, one: StoryPerson, deed: Deed) -> Event:
        """The author adds somebody with consent."""
        return AddedByAuthor(one.email, deed.argument, EVIDENCE, True, self._zone(one), one.fields)

    def asks_for(self, one: StoryPerson, deed: Deed) -> Event:
        """The form of the webinar page."""
        name = self._session_of(one, deed)
        return AskedToRegister(one.email, self.story.campaign, name, EVIDENCE, self._zone(one), one.fields)

    def _session_of(self, one: StoryPerson, deed: Deed) -> str:
        """The session that a deed names; `next` is the first that an evergreen webinar offers then."""
        webinar = self.campaign.webinar
        if webinar is None or webinar.rule is None or deed.argument != NEXT:
            return deed.argument
        offered = offers(webinar, one.zone, deed.at)
        if not offered:
            raise _Unfit("nothing is offered then")
        return offered[0].name

    def takes_seat(self, one: StoryPerson, deed: Deed) -> Event | None:
        """The button of the mail about the seat; None where the form was refused."""
        name = self._session_of(one, deed)
        pending = self._seats(one, RegistrationState.PENDING)
        # Of a series all parts were asked for, whichever was named.
        seats = [each for each in pending if each.session == name or is_series(self.campaign)]
        return ConfirmedRegistration(seats[-1].id, EVIDENCE) if seats else None

    def moves(self, one: StoryPerson, deed: Deed) -> Event:
        """Another session on the manage page."""
        return MovedRegistration(self._seat(one).id, self._session_of(one, deed), EVIDENCE)

    def cancels(self, one: StoryPerson, deed: Deed) -> Event:
        """The seat is given back."""
        return CancelledRegistration(self._seat(one).id, EVIDENCE)

    def attends(self, one: StoryPerson, deed: Deed) -> Event:
        """The button of the join page, which is there from a quarter of an hour before the start to the end."""
        seat = self._seat(one, deed)
        webinar = self.campaign.webinar
        session = webinar.session_named(seat.session) if webinar is not None else None
        if session is None or not session.starts - DOORS_OPEN <= deed.at < session.ends:
            raise _Unfit(f"`{seat.session}` is not on then")
        return JoinedSession(seat.id)

    def is_reported(self, one: StoryPerson, deed: Deed) -> Event:
        """The host's report says who came."""
        return AttendanceReported(self._seat(one, deed).id, Attendance(deed.argument), EVIDENCE.where)

    def unsubscribes(self, one: StoryPerson, deed: Deed) -> Event:
        """The one press in the last mail that they got."""
        who = self._who(one)
        mails = [each.delivery.id for each in self.play.taken if each.person is self.actors[one.name]]
        return Unsubscribed(who, EVIDENCE, delivery_id=mails[-1] if mails else None)

    def leaves(self, one: StoryPerson, deed: Deed) -> Event:
        """One list, on the preferences page."""
        return Unsubscribed(self._who(one), EVIDENCE, list=deed.argument)

    def leaves_all(self, one: StoryPerson, deed: Deed) -> Event:
        """Everything, on the preferences page."""
        return Unsubscribed(self._who(one), EVIDENCE, Scope.EVERYTHING)

    def gets_tag(self, one: StoryPerson, deed: Deed) -> Event:
        """The author puts a tag on them."""
        return TagChanged(self._who(one), deed.argument, present=True)

    def loses_tag(self, one: StoryPerson, deed: Deed) -> Event:
        """The author takes a tag away."""
        return TagChanged(self._who(one), deed.argument, present=False)

    def agrees(self, one: StoryPerson, deed: Deed) -> Event:
        """Nobody's clicks are counted who did not agree, so whoever clicks in a story did."""
        return ChoseClicks(self._who(one), noted=True, evidence=EVIDENCE)

    def follows(self, one: StoryPerson, deed: Deed) -> Event:
        """A link of the last mail with that post."""
        return LinkFetched(self._mail(one, deed), WEBINAR_LINK)

    def has_clicked(self, one: StoryPerson, deed: Deed) -> Event:
        """It was a person, as we know, so that nothing needs a minute to find out."""
        return LinkClicked(self._mail(one, deed), WEBINAR_LINK)

    def _mail(self, one: StoryPerson, deed: Deed) -> DeliveryId:
        if deed.argument not in counted_posts(self.campaign):
            raise _Unfit(f"nothing asks about clicks in `{deed.argument}`, so none are counted")
        mine = [each for each in self.play.taken if each.person is self.actors[one.name]]
        mails = [each for each in mine if each.delivery.post == deed.argument]
        if not mails:
            raise _Unfit(f"{one.name} did not get `{deed.argument}` before")
        if deed.at - mails[-1].at < EARLY:
            raise _Unfit("it is too soon after the mail to be a reader")
        return mails[-1].delivery.id

    def lives_in(self, one: StoryPerson, deed: Deed) -> Event:
        """Another zone, on the preferences page."""
        return ChoseZone(self._who(one), deed.argument, EVIDENCE)

    # --- judgement ---------------------------------------------------------------------------------------------------

    def _judge(self, work: Work, one: StoryPerson) -> Verdict:
        actor = self.actors[one.name]
        faults = self.faults[one.name]
        enrollments = list(work.enrollments(actor.subscriber_id)) if actor.subscriber_id is not None else []
        enrollments = [each for each in enrollments if each.campaign == self.story.campaign]
        named = {each.post for each in one.gets or ()} | set(one.never)
        mails = [
            each
            for each in self.play.taken
            if each.person is actor and (each.delivery.post in self.campaign.posts or each.delivery.post in named)
        ]
        lines = None if one.gets is None else self._diff(work, one, mails, enrollments)
        shown = {(line.at, line.post) for line in lines or () if line.is_off}
        for mail in mails:
            if mail.delivery.post in one.never and (mail.at, mail.delivery.post) not in shown:
                zone_line = Line("+", mail.at, mail.delivery.post, why_it_came(work, mail, self.campaign))
                lines = (*(lines or ()), zone_line)
        faults += self._ends(one, enrollments)
        return Verdict(one, lines, tuple(faults))

    def _diff(
        self, work: Work, one: StoryPerson, mails: Sequence[Taken], enrollments: Sequence[Enrollment]
    ) -> tuple[Line, ...]:
        got = [(mail.at, mail.delivery.post) for mail in mails]
        lines = compare_mails(one.gets or (), got)
        came = {(mail.at, mail.delivery.post): mail for mail in mails}
        elsewhere = {line.post for line in lines if line.sign == "+"}
        told = []
        for line in lines:
            why = ""
            if line.sign == "+":
                why = why_it_came(work, came[line.at, line.post], self.campaign)
            elif line.sign == "-" and line.post not in elsewhere:
                who = self.actors[one.name].subscriber_id
                why = why_it_did_not(work, self.campaign, line.post, who, enrollments, one.zone)
            told.append(Line(line.sign, line.at, line.post, why))
        return tuple(told)

    def _ends(self, one: StoryPerson, enrollments: Sequence[Enrollment]) -> list[str]:
        faults = []
        for sequence, wanted in one.ends.items():
            mine = [each for each in enrollments if each.sequence == sequence]
            last = mine[-1] if mine else None
            found = {"never"} if last is None else {last.state.value, last.end_reason}
            if wanted not in found:
                reason = f" ({last.end_reason})" if last is not None and last.end_reason else ""
                is_ = "never begun" if last is None else f"`{last.state.value}`{reason}"
                faults.append(f"`{sequence}` was to end `{wanted}`, and is {is_}")
        return faults


_Performer = Callable[[_Telling, StoryPerson, Deed], Event | None]
_PERFORMERS: Mapping[DeedKind, tuple[_Performer, ...]] = {
    DeedKind.JOINS: (_Telling.asks_to_join, _Telling.says_yes),
    DeedKind.ASKS_TO_JOIN: (_Telling.asks_to_join,),
    DeedKind.IS_ADDED: (_Telling.is_added,),
    DeedKind.CONFIRMS: (_Telling.confirms,),
    DeedKind.REGISTERS: (_Telling.asks_for, _Telling.takes_seat),
    DeedKind.ASKS_FOR: (_Telling.asks_for,),
    DeedKind.MOVES: (_Telling.moves,),
    DeedKind.CANCELS: (_Telling.cancels,),
    DeedKind.ATTENDS: (_Telling.attends,),
    DeedKind.IS_REPORTED: (_Telling.is_reported,),
    DeedKind.LEAVES_ALL: (_Telling.leaves_all,),
    DeedKind.LEAVES: (_Telling.leaves,),
    DeedKind.UNSUBSCRIBES: (_Telling.unsubscribes,),
    DeedKind.GETS_TAG: (_Telling.gets_tag,),
    DeedKind.LOSES_TAG: (_Telling.loses_tag,),
    DeedKind.LIVES_IN: (_Telling.lives_in,),
    DeedKind.CLICKS: (_Telling.agrees, _Telling.follows, _Telling.has_clicked),
}
