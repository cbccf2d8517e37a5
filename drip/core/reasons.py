"""Why drip did, did not do, or will do something: stable names, each with its explanation.

Pure data. The names are kept in the store and printed by `drip why` and `drip log`, so they never change their
meaning; `drip explain NAME` prints the paragraph. `decide` and `verdict` of the core give most of them, the
engine and the store the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class ReasonName(StrEnum):
    """Every reason there is. A name that the store has seen is never renamed."""

    # It is time.
    DUE = "due"
    LATE_SEND = "late-send"
    STARTED = "started"
    # Not yet.
    NOT_DUE = "not-due"
    OUTSIDE_HOURS = "outside-hours"
    SPACING = "spacing"
    ATTENDANCE_UNKNOWN = "attendance-unknown"
    STOPS_FIRST = "stops-first"
    CAPPED = "capped"
    PAUSED = "paused"
    ON_BREAK = "on-break"
    BURST = "burst"
    LATE_ASK = "late-ask"
    # Never, for this step.
    CONDITION_FALSE = "condition-false"
    REGISTERED_LATE = "registered-late"
    SESSION_STARTED = "session-started"
    NO_SESSION = "no-session"
    TOO_LATE = "too-late"
    ALREADY_SENT = "already-sent"
    ONCE_FOR_SERIES = "once-for-series"
    # The sequence is over for this person.
    SUPPRESSED = "suppressed"
    LEFT = "left"
    UNSUBSCRIBED = "unsubscribed"
    GOAL_REACHED = "goal-reached"
    STOP_REACHED = "stop-reached"
    REGISTRATION_CANCELLED = "registration-cancelled"
    SESSION_CANCELLED = "session-cancelled"
    ERASED = "erased"
    ALL_STEPS_DONE = "all-steps-done"
    SEQUENCE_REMOVED = "sequence-removed"
    STEP_REMOVED = "step-removed"
    ENDED = "ended"
    # What became of an attempt.
    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    RELAY_DOWN = "relay-down"
    GAVE_UP = "gave-up"
    ADDRESS_REFUSED = "address-refused"
    POLICY_REFUSED = "policy-refused"
    CONTENT_REFUSED = "content-refused"
    RELAY_REFUSED = "relay-refused"
    REFUSED = "refused"
    NO_VERDICT = "no-verdict"
    CANNOT_RENDER = "cannot-render"
    OWNER_DIED = "owner-died"
    CONFIRMATION_LOST = "confirmation-lost"
    RESTORED = "restored"
    TOO_MANY_REFUSED = "too-many-refused"
    BY_AUTHOR = "by-author"
    MOVED_BY_AUTHOR = "moved-by-author"
    # Why nothing begins.
    NOT_ON_LIST = "not-on-list"
    NOT_CONFIRMED = "not-confirmed"
    NOT_STARTED = "not-started"
    BEFORE_SEQUENCE = "before-sequence"
    JOINED_AFTER = "joined-after"
    NOT_IN_SEGMENT = "not-in-segment"
    UNKNOWN_ADDRESS = "unknown-address"
    NOT_INSIDE = "not-inside"
    ENTERED_BEFORE = "entered-before"
    # Why a registration changed.
    BY_READER = "by-reader"
    MOVED = "moved"
    OFFER_LAPSED = "offer-lapsed"
    # Why a follow-up began anew.
    ATTENDANCE_CORRECTED = "attendance-corrected"


@dataclass(frozen=True, slots=True, eq=False)
class Reason:
    """A reason for one decision: its stable name, and one lower-case sentence with the values and times of the case.

    The sentence may come as a way to make it: of the reasons to wait, which are most of all, hardly any is ever read.
    """

    name: ReasonName
    said: str | Callable[[], str]

    @property
    def text(self) -> str:
        """The sentence."""
        return self.said if isinstance(self.said, str) else self.said()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reason) and (self.name, self.text) == (other.name, other.text)

    def __hash__(self) -> int:
        return hash(self.name)


EXPLANATIONS: Mapping[ReasonName, str] = MappingProxyType(
    {
        ReasonName.DUE: (
            "The moment of this step has come, nothing stands against it, and so it is done. For a post this means "
            "that a delivery is planned; what the relay makes of it has its own reason."
        ),
        ReasonName.LATE_SEND: (
            "The step is late, mostly because `drip run` did not run, and its `late:` says `then send`, so it goes "
            "anyway. Without that it would have been skipped."
        ),
        ReasonName.STARTED: "What the sequence waits for has happened to this reader, so their enrollment began.",
        ReasonName.NOT_DUE: (
            "The step waits for its moment. `later` counts from what really happened last, so a post that left late "
            "moves the next one; days and weeks are calendar days where the reader lives, hours and minutes are "
            "elapsed time."
        ),
        ReasonName.OUTSIDE_HOURS: (
            "The step is due, but `hours:` of its sequence are closed where the reader lives. It goes at the next "
            "opening, or at its own clock on the next open day. `at once` and reminders before a session ignore hours."
        ),
        ReasonName.SPACING: (
            "The reader had another drip mail less than 12 hours ago. Two of them keep at least that distance, "
            "whatever sequences they belong to; `at once` and mails about a registration are exempt."
        ),
        ReasonName.ATTENDANCE_UNKNOWN: (
            "The step asks whether the reader attended, and nobody has said so yet. drip never guesses: it waits up to "
            "one day after the step was due and then skips it. Import the attendance report of your webinar platform, "
            "or let readers join through their join link, which records it."
        ),
        ReasonName.STOPS_FIRST: (
            "The sequence stops for this reader before its next step would be due, so that step will not be done."
        ),
        ReasonName.CAPPED: (
            "The limit of `at-most:` in drip.yaml lets no more mails go to this reader on that day or week. The mail "
            "was put off to the first day that has room for it, at its own hour; the one with the higher `priority:` "
            "goes first, and of two with the same the one that has waited longest. If there is no room before its "
            "`late:` is over (3 days, where none is written), it is skipped with this reason. Confirmations, reminders "
            "and all other mails about a registration neither wait nor count."
        ),
        ReasonName.PAUSED: (
            "You paused this with `drip pause`: nothing of it is planned or sent until `drip resume`. A mail that was "
            "skipped for this reason became due meanwhile, and you resumed with `--skip-overdue`; the steps behind it "
            "keep the moments that they had."
        ),
        ReasonName.ON_BREAK: (
            "The reader takes a break: they chose on the preferences page (or you did for them, by `drip subscriber "
            "pause`) to get no letters and no sequences for some weeks. Sequences stand still and go on afterwards "
            "with the same gaps; a broadcast that comes meanwhile is skipped for them, because letters from weeks ago "
            "in one heap are no break. Mails about a seat that they booked go on."
        ),
        ReasonName.BURST: (
            "The run found far more drip mails due at once than this project usually sends (`burst:` in drip.yaml, 5 "
            "times the volume of a usual day), so it held them all and asked. That happens after a delay was shortened "
            "or many readers were imported, and also after a clock jumped or a database was restored. Look at them "
            "with `drip delivery list`; then `drip run --yes` sends those that are still good, and `drip delivery "
            "cancel` takes one back. Confirmations, mails about a registration and broadcasts were not held."
        ),
        ReasonName.LATE_ASK: (
            "The mail could not go in time, mostly because `drip run` did not run, and its `late:` says `then ask`, so "
            "it is held until you decide: `drip delivery retry` sends it, `drip delivery cancel` takes it back. Its "
            "sequence waits for that. What a sequence that stopped meanwhile has no more use for is skipped unasked."
        ),
        ReasonName.CONDITION_FALSE: (
            "The `if:` of the step does not hold for this reader. A skipped step does not delay the next one: that "
            "still counts from the last step that was done."
        ),
        ReasonName.REGISTERED_LATE: (
            "The reader registered when this reminder was already due, or less than 15 minutes before. The "
            "confirmation has just told them the same."
        ),
        ReasonName.SESSION_STARTED: "The session has started. Nothing that goes before a session goes after its start.",
        ReasonName.NO_SESSION: (
            "The step counts from a session and this enrollment has none; only sequences that start with `registers` "
            "or `session ends` know a session."
        ),
        ReasonName.TOO_LATE: (
            "The step could not be done in time, mostly because `drip run` did not run, and by now it would say "
            "something untrue or come out of the blue. Reminders of a day or more are good until 6 hours before the "
            "start, of half an hour or more until 20 minutes before, shorter ones until the start; other posts for 3 "
            "days. `late:` on a step changes that."
        ),
        ReasonName.ALREADY_SENT: (
            "This mailbox had this post on this occasion already, perhaps under another spelling of the address. One "
            "post goes to one mailbox at most once."
        ),
        ReasonName.ONCE_FOR_SERIES: (
            "Somebody who registers for a series holds a seat in each of its parts. What counts from a session, such "
            "as `1 day before session`, comes with every part; everything else, such as the greeting, comes once, with "
            "the first part that was ahead."
        ),
        ReasonName.SUPPRESSED: (
            "The address is suppressed: it bounced for good, complained, or you added it. A suppression beats every "
            "consent. `drip suppression show ADDRESS` tells when and why."
        ),
        ReasonName.LEFT: "The reader unsubscribed from everything, mails about registrations included.",
        ReasonName.UNSUBSCRIBED: (
            "The subscription that this mail needs has ended. A sequence that starts with `joins LIST` needs that "
            "list; other marketing sequences need at least one list that the reader is on."
        ),
        ReasonName.GOAL_REACHED: (
            "The reader did what the sequence is for (`goal:`), so it is complete for them, whatever steps are left."
        ),
        ReasonName.STOP_REACHED: "The `stop:` of the sequence has come, so it is abandoned for this reader.",
        ReasonName.REGISTRATION_CANCELLED: (
            "The reader cancelled the registration that this sequence is about, so there is nothing left to say."
        ),
        ReasonName.SESSION_CANCELLED: (
            "The host cancelled the session: `cancelled` stands after its time in campaign.yaml. Everybody who had a "
            "seat, or stood in line for one, was told once, and nothing more is said about that session."
        ),
        ReasonName.ERASED: (
            "The reader had everything about them erased. What was not sent was taken back, and of the address only a "
            "keyed hash is kept, suppressed, so that neither an import nor a form brings them back."
        ),
        ReasonName.ALL_STEPS_DONE: "The reader has every step of the sequence behind them.",
        ReasonName.SEQUENCE_REMOVED: "The sequence is no longer in the applied campaign: it ended for all in it.",
        ReasonName.STEP_REMOVED: (
            "The step is no longer in the applied sequence. What was planned of it and not yet begun was taken back, "
            "and the reader goes on to the next step, at its own hour and one mail at a time."
        ),
        ReasonName.ENDED: "The enrollment had ended before; `drip why` shows its own reason beside it.",
        ReasonName.ACCEPTED: (
            "The relay answered 250: it has taken the message over. Whether it arrives is said by a bounce, or by none."
        ),
        ReasonName.DEFERRED: (
            "The relay refused for the time being (4xx). drip tries again after 1, 2, 4 and so on up to 64 minutes, "
            "for 72 hours."
        ),
        ReasonName.RELAY_DOWN: (
            "The relay closed the connection, throttled, or refused the login. This counts against no delivery; what "
            "is due stays due."
        ),
        ReasonName.GAVE_UP: "The relay refused for the time being for 72 hours, so drip stopped trying.",
        ReasonName.ADDRESS_REFUSED: (
            "The receiving side says for good that this address takes no mail. The address is suppressed, because "
            "mailing it again would spoil the delivery of every other mail."
        ),
        ReasonName.POLICY_REFUSED: (
            "The receiving side refuses the mail by its rules: reputation, authentication, a blocklist, the sender. "
            "That says nothing about the reader's address; see `drip doctor`."
        ),
        ReasonName.CONTENT_REFUSED: "The receiving side refuses this message for what is in it, or for its size.",
        ReasonName.RELAY_REFUSED: "The relay refuses for good, for a reason of its own; its words are beside this.",
        ReasonName.REFUSED: (
            "The relay refused for good without saying whom or what it blames, so nothing counts against the address."
        ),
        ReasonName.CANNOT_RENDER: (
            "The post could not be made into a message for this reader: its Jinja failed, or an address or header "
            "could not be written. The delivery is held and nothing was sent; `drip log` has the fault with its file "
            "and line. Other readers of the post are not held with it."
        ),
        ReasonName.NO_VERDICT: (
            "The message was handed over to its last dot, and then the connection broke before the relay answered. It "
            "may have been taken or not. drip never guesses and never sends it again by itself: see "
            "`drip delivery resolve`."
        ),
        ReasonName.OWNER_DIED: (
            "The run that was sending this message was killed in the act. The message may have been handed over or "
            "not, so it is never sent again by itself: see `drip delivery resolve`."
        ),
        ReasonName.CONFIRMATION_LOST: (
            "The mail that asks the reader to confirm got no verdict from the relay. It alone is sent again by itself: "
            "one question too many does less harm than a reader who waits for it in vain."
        ),
        ReasonName.RESTORED: (
            "The database was restored from a backup and had forgotten this delivery; the send journal beside it had "
            "not. `drip db repair` wrote down what the journal knows: sent where the relay had taken it, uncertain "
            "where no outcome was noted. It is not sent again."
        ),
        ReasonName.TOO_MANY_REFUSED: (
            "More than a tenth of the first 500 messages of this broadcast were refused for good, so the rest is held: "
            "the list is old, or the relay has begun to distrust it, and going on would hurt every later mail. "
            "`drip log` tells what was said; then `drip broadcast release POST` or `drip broadcast cancel POST`."
        ),
        ReasonName.BY_AUTHOR: (
            "You decided it with `drip delivery`: an uncertain message counts as sent or is sent again, a held one is "
            "retried, one that was due or held is cancelled. `drip log` has the moment and what it was before."
        ),
        ReasonName.MOVED_BY_AUTHOR: (
            "You moved the reader past this step, or out of this sequence into another, with `drip enrollment move`. A "
            "step that was skipped so can be made up for by moving them back; what was sent is never sent again."
        ),
        ReasonName.NOT_ON_LIST: (
            "The reader never joined the list whose permission this needs, so nothing of it goes to them."
        ),
        ReasonName.NOT_CONFIRMED: (
            "The reader was asked to confirm the list and has not pressed the button on the page that the mail leads "
            "to. Until they do, nothing but that question goes to them."
        ),
        ReasonName.NOT_STARTED: (
            "What the sequence waits for (`start:`) has not happened to this reader since it is live."
        ),
        ReasonName.BEFORE_SEQUENCE: (
            "What begins the sequence had happened to this reader before the sequence was applied. A new sequence "
            "begins only for those to whom it happens from then on; `drip enrollment add` puts others in by hand."
        ),
        ReasonName.JOINED_AFTER: (
            "The readers of a broadcast are chosen once, at its moment; this one joined the list after that. `drip "
            "send POST --to LIST --again` would send it once more, also to those who have it."
        ),
        ReasonName.NOT_IN_SEGMENT: (
            "The `where:` of the broadcast did not hold for this reader when its readers were chosen, or does not hold "
            "now."
        ),
        ReasonName.UNKNOWN_ADDRESS: (
            "No subscriber of this project has the address, however it is spelled: nobody signed up with it or was "
            "added, or they were erased at their request."
        ),
        ReasonName.NOT_INSIDE: "The reader is not in this sequence now, so there is nothing to stop or to move.",
        ReasonName.ENTERED_BEFORE: (
            "The reader has been in this sequence before, and its `again:` lets nobody enter it again, or not yet. "
            "Whom you took out yourself you may put back: they go on where they stopped."
        ),
        ReasonName.BY_READER: "The reader gave the seat back on the page that every mail about it links to.",
        ReasonName.MOVED: (
            "The seat is in another session now, or the session has another time. Its reminders were planned anew, "
            "and what was to be told of the old time was taken back."
        ),
        ReasonName.ATTENDANCE_CORRECTED: (
            "A report said otherwise about who came before a mail of the follow-up that depends on it had left, so the "
            "follow-up was decided anew. Once such a mail has left, a report changes nothing for that reader."
        ),
        ReasonName.OFFER_LAPSED: "The seat on offer was not taken in time, so it went to the next in line.",
    }
)
