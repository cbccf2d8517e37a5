"""Everything that is kept about one reader, as a file for themselves (GDPR Art. 15 and 20). Reads only.

The address of the page is the reader's own key, as for the preferences. What is kept about nobody in particular (the
keyed hash that stands for the mailbox, the signed links) is no news to them and stays out.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

from starlette.responses import Response

from drip.core.links import Purpose
from drip.core.records import Subscriber
from drip.web.pages import headers

if TYPE_CHECKING:
    from drip.store.work import Work
    from drip.web.site import Site
    from drip.web.visit import Visit


def download(site: Site, visit: Visit) -> Response:
    """GET /p/TOKEN/data.json: what is kept, as JSON."""
    number = site.number(Purpose.PREFERENCES, visit.token)
    with site.store.read() as work:
        subscriber = None if number is None else work.subscriber(number)  # type: ignore[arg-type]
        document = _document(work, subscriber) if subscriber else None
    if document is None:
        return site.any_house().problem(404, "unsubscribe-unknown")
    given = {**headers(token=True), "Content-Disposition": 'attachment; filename="what-we-keep.json"'}
    text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    return Response(text, 200, given, media_type="application/json; charset=utf-8")


def _document(work: Work, reader: Subscriber) -> dict[str, object]:
    return {**_person(work, reader), **_permissions(work, reader), **_seats(work, reader), **_mails(work, reader)}


def _person(work: Work, reader: Subscriber) -> dict[str, object]:
    suppressed = work.suppression(reader.mailbox)
    return {
        "email": reader.email,
        "known_since": _at(reader.created_at),
        "time_zone": reader.zone,
        "fields": dict(reader.fields),
        "tags": sorted(reader.tags),
        "unsubscribed_from_everything_at": _at(reader.left_at),
        "never_mailed_again": {"reason": suppressed.reason, "at": _at(suppressed.at)} if suppressed else None,
        "breaks": [{"from": _at(each.began_at), "until": _at(each.ends_at)} for each in reader.breaks],
        "changes_of_address": [
            {
                "from": each.was_email,
                "to": each.email,
                "asked_at": _at(each.asked_at),
                "done_at": _at(each.confirmed_at),
            }
            for each in work.address_changes([reader.id]).get(reader.id, ())
        ],
    }


def _permissions(work: Work, reader: Subscriber) -> dict[str, object]:
    return {
        "lists": [
            {
                "list": each.list,
                "state": each.state.value,
                "asked_at": _at(each.requested_at),
                "confirmed_at": _at(each.confirmed_at),
                "ended_at": _at(each.ended_at),
            }
            for each in work.subscriptions(reader.id)
        ],
        "consents": [
            {
                "about": each.list,
                "what": each.kind.value,
                "at": _at(each.at),
                "where": each.evidence.where,
                "words": each.evidence.text,
                "network_address": each.evidence.ip,
                "browser": each.evidence.agent,
            }
            for each in work.consents(reader.id)
        ],
    }


def _seats(work: Work, reader: Subscriber) -> dict[str, object]:
    return {
        "seats": [
            {
                "campaign": each.campaign,
                "session": each.session,
                "state": each.state.value,
                "asked_at": _at(each.requested_at),
                "confirmed_at": _at(each.confirmed_at),
                "cancelled_at": _at(each.cancelled_at),
                "time_zone": each.zone,
                "attendance": work.attendance(each.id).value,
            }
            for each in work.registrations_of(reader.id)
        ],
    }


def _mails(work: Work, reader: Subscriber) -> dict[str, object]:
    """Sequences, clicks and mails: what was sent, why, and what came back."""
    return {
        "sequences": [
            {
                "campaign": each.campaign,
                "sequence": each.sequence,
                "state": each.state.value,
                "started_at": _at(each.started_at),
                "ended_at": _at(each.ended_at),
                "why_ended": each.end_reason,
            }
            for each in work.enrollments(reader.id)
        ],
        "clicks_noted_since": _at(reader.clicks_since),
        "clicks": [
            {
                "campaign": each.campaign,
                "post": each.post,
                "link": each.link,
                "clicked_at": _at(each.clicked_at),
                "fetched_by_machines": each.machines,
            }
            for each in work.clicks_by(reader.id)
        ],
        "mails": [
            {
                "campaign": each.campaign,
                "post": each.post,
                "state": each.state.value,
                "planned_at": _at(each.planned_at),
                "finished_at": _at(each.finished_at),
            }
            for each in work.deliveries(reader.id)
        ],
    }


def _at(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
