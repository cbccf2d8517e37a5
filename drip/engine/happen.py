"""What each event does to the rows: one function per event, all inside one transaction.

The functions stand in `subscribing`, `registering`, `seating`, `answering`, `attending`, `clicking`, `resting`,
`moving` and `forgetting`; this is the table that finds them. Called by `Engine.happen`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from drip.core.events import (
    AddedByAuthor,
    AnsweredInvite,
    AskedToJoin,
    AskedToMove,
    AskedToRegister,
    AttendanceReported,
    CameBack,
    CancelledRegistration,
    ChoseClicks,
    ChoseZone,
    ConfirmedMove,
    ConfirmedRegistration,
    ConfirmedSubscription,
    Erased,
    Event,
    JoinedSession,
    JoinedWaitingList,
    LinkClicked,
    LinkFetched,
    MovedRegistration,
    OfferLapsed,
    SeenInMeeting,
    SessionEnded,
    SwitchedOn,
    TagChanged,
    TookBreak,
    Unsubscribed,
)
from drip.engine.answering import answered_invite
from drip.engine.attending import attendance_reported, seen_in_meeting
from drip.engine.clicking import chose_clicks, link_clicked, link_fetched
from drip.engine.forgetting import erased
from drip.engine.moving import asked_to_move, confirmed_move
from drip.engine.registering import (
    asked_to_register,
    cancelled_registration,
    confirmed_registration,
    joined_session,
    session_ended,
)
from drip.engine.resting import came_back, took_break
from drip.engine.scene import Happened, Scene
from drip.engine.seating import joined_waiting_list, moved_registration, offer_lapsed
from drip.engine.subscribing import (
    added_by_author,
    asked_to_join,
    chose_zone,
    confirmed_subscription,
    switched_on,
    tag_changed,
    unsubscribed,
)

if TYPE_CHECKING:
    pass


PERFORMERS: Mapping[type[Any], Callable[[Scene, Any], Happened]] = {
    AskedToJoin: asked_to_join,
    AddedByAuthor: added_by_author,
    ConfirmedSubscription: confirmed_subscription,
    Unsubscribed: unsubscribed,
    AskedToRegister: asked_to_register,
    ConfirmedRegistration: confirmed_registration,
    CancelledRegistration: cancelled_registration,
    MovedRegistration: moved_registration,
    JoinedWaitingList: joined_waiting_list,
    OfferLapsed: offer_lapsed,
    AnsweredInvite: answered_invite,
    JoinedSession: joined_session,
    AttendanceReported: attendance_reported,
    SeenInMeeting: seen_in_meeting,
    SessionEnded: session_ended,
    TagChanged: tag_changed,
    ChoseZone: chose_zone,
    ChoseClicks: chose_clicks,
    LinkFetched: link_fetched,
    LinkClicked: link_clicked,
    TookBreak: took_break,
    CameBack: came_back,
    SwitchedOn: switched_on,
    AskedToMove: asked_to_move,
    ConfirmedMove: confirmed_move,
    Erased: erased,
}


def perform(scene: Scene, event: Event) -> Happened:
    """Do what the event asks, in the transaction of the scene."""
    happened = PERFORMERS[type(event)](scene, event)
    scene.write_log()
    return happened
