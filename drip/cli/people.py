"""The commands about people: subscriber, registration, attendance. Every change is an event given to the engine;
what is only shown is read from the store. Called by `drip.cli.main` on demand.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import click

from drip.cli.grammar import EXITS_PROJECT, Call, command, dry_run_option, noun
from drip.cli.names import complete_campaign, complete_list, complete_session, near_hint
from drip.cli.output import count, one_line
from drip.core.events import AddedByAuthor, AttendanceReported, Scope, TagChanged, Unsubscribed
from drip.core.records import (
    Attendance,
    Evidence,
    Registration,
    RegistrationState,
    Subscriber,
    SubscriptionState,
)
from drip.core.seats import seat_state
from drip.core.when import moment_text
from drip.errors import DripError, NotFound, WrongUsage

if TYPE_CHECKING:
    from drip.project import Project
    from drip.store.work import Work

PAGE = 500
LIST_MAX = 100
BY_AUTHOR = "command line"
EXITS = (4, *EXITS_PROJECT, 75)


class Suppressed(DripError):
    """This address is suppressed: it is never mailed again."""

    name = "suppressed"
    exit_code = 2
    default_hint = "a suppression beats every consent; `drip why EMAIL` shows its reason"


subscriber = noun("subscriber", "People, each known by one address: add, list, show, tag, pause, move, unsubscribe.")
registration = noun("registration", "Who registered for which session of a webinar.")
attendance = noun("attendance", "Who came to a session and who did not.")


# --- finding people ----------------------------------------------------------------------------------------


def find_subscriber(project: Project, work: Work, email: str) -> Subscriber:
    """The subscriber of an address, however it is spelled. Raises BadAddress, NotFound."""
    from drip.engine.addresses import judge_address

    found = work.subscriber_by_mailbox(project.keys.mailbox_of(judge_address(email)))
    if found is None:
        raise NotFound(f"there is no subscriber `{one_line(email)}`", hint="`drip subscriber list` shows all")
    return found


def known_list(project: Project, name: str | None) -> str | None:
    """The name of a list that drip.yaml has, or None for none given. Raises NotFound."""
    if name is not None and project.definition.list_named(name) is None:
        known = [each.name for each in project.definition.lists]
        hint = near_hint(name, known) or f"drip.yaml has: {', '.join(known) or 'none'}"
        raise NotFound(f"there is no list `{one_line(name)}`", hint=hint)
    return name


def _fields(project: Project, pairs: tuple[str, ...]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise WrongUsage(f"`{one_line(pair)}` is no field", hint="write `--field first_name=Mia`")
        if name not in project.definition.fields:
            known = project.definition.fields
            hint = near_hint(name, known) or "declare it under `fields:` with what to print when it is not known"
            raise WrongUsage(f"drip.yaml declares no field `{one_line(name)}`", hint=hint)
        fields[name] = value
    return fields


def zone_named(name: str | None) -> str | None:
    if name is None:
        return None
    from zoneinfo import available_timezones

    from drip.core.when import is_zone

    if is_zone(name):
        return name
    hint = near_hint(name, available_timezones()) or "write it as in `America/New_York`"
    raise WrongUsage(f"there is no time zone `{one_line(name)}`", hint=hint)


# --- subscriber --------------------------------------------------------------------------------------------


def _said(what: str, who: str, list_name: str | None, gave_more: bool) -> str:
    """What came of adding somebody, and what to do next."""
    match what:
        case "asked":
            return f"asked {who} to confirm {list_name}; the question goes out with the next `drip run`"
        case "added" if list_name is None:
            return f"added {who}, on no list"
        case "added":
            return f"added {who} to {list_name}; `drip run` sends what is due to them"
        case _:
            at = f"on {list_name}" if list_name else "there"
            return f"{who} is {at} already; {'what you gave beside was kept' if gave_more else 'nothing changed'}"


@command(
    "add",
    examples=(
        ("drip subscriber add mia@example.com --list job-seekers", "asks her by mail to confirm"),
        (
            'drip subscriber add mia@example.com --list job-seekers --consent "signed the sheet at the fair, 3 May"',
            "active at once, with your evidence",
        ),
        ("drip subscriber add mia@example.com --field first_name=Mia --tag client", "known, on no list"),
    ),
    exits=EXITS,
)
@click.argument("email")
@click.option("--list", "list_name", metavar="LIST", shell_complete=complete_list, help="Subscribe to this list.")
@click.option("--consent", metavar="TEXT", help="How they agreed. With it they are active at once and get no question.")
@click.option("--zone", metavar="ZONE", help="Their time zone, as `America/New_York`.")
@click.option("--field", "fields", metavar="NAME=VALUE", multiple=True, help="A field; may be given several times.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="A tag; may be given several times.")
@dry_run_option
def add(
    call: Call,
    email: str,
    list_name: str | None,
    consent: str | None,
    zone: str | None,
    fields: tuple[str, ...],
    tags: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Add a subscriber. Without `--consent` a list's question goes to them first."""
    from drip.engine.addresses import mailable_address

    if consent is not None and list_name is None:
        raise WrongUsage("`--consent` needs `--list`", hint="consent is given to one list")
    if consent is not None and not consent.strip():
        raise WrongUsage("`--consent` is empty", hint='say how they agreed: `--consent "signed up at the fair, 3 May"`')
    with call.project() as project:
        address = mailable_address(email)
        event = AddedByAuthor(
            email=address,
            list=known_list(project, list_name),
            evidence=Evidence(where=BY_AUTHOR, text=consent or ""),
            attested=consent is not None,
            zone=zone_named(zone),
            fields=_fields(project, fields),
            tags=frozenset(tags),
        )
        to = f" to {list_name}" if list_name else ""
        if dry_run:
            call.output.answer(f"would add {address}{to}")
            return
        what = project.engine.happen(event, call.now()).what
    if what == "suppressed":
        raise Suppressed(f"{address} is suppressed and is never mailed again")
    if call.output.json:
        call.output.document({"type": "subscriber-added", "email": address, "what": what, "list": list_name})
        return
    call.output.answer(_said(what, address, list_name, bool(zone or fields or tags)))


def break_end(person: Subscriber, now: datetime) -> datetime | None:
    """The end of the break that somebody is on."""
    rest = person.break_at(now)
    return None if rest is None else rest.ends_at


def subscriber_json(work: Work, person: Subscriber, now: datetime) -> dict[str, object]:
    """A subscriber for machines."""
    return {
        "type": "subscriber",
        "email": person.email,
        "created_at": person.created_at,
        "zone": person.zone,
        "fields": dict(person.fields),
        "tags": sorted(person.tags),
        "left_at": person.left_at,
        "break_until": break_end(person, now),
        "clicks_since": person.clicks_since,
        "lists": {each.list: each.state.value for each in work.subscriptions(person.id)},
    }


def _all_subscribers(work: Work, list_name: str | None, state: SubscriptionState | None) -> Iterator[Subscriber]:
    after = 0
    while page := work.subscribers(list=list_name, state=state, after_id=after, limit=PAGE):
        yield from page
        after = page[-1].id


@command(
    "list",
    examples=(
        ("drip subscriber list", "everybody"),
        ("drip subscriber list --list job-seekers --state pending", "who has not confirmed"),
        ("drip subscriber list --json", "one JSON object a line"),
    ),
    exits=EXITS,
)
@click.option(
    "--list",
    "list_name",
    metavar="LIST",
    shell_complete=complete_list,
    help="Only those with a subscription to this list.",
)
@click.option(
    "--state", type=click.Choice([each.value for each in SubscriptionState]), help="Only those in this state there."
)
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help=f"At most N; 0 is all. [default: {LIST_MAX}]")
def list_(call: Call, list_name: str | None, state: str | None, limit: int | None) -> None:
    """List subscribers. With `--json` all of them, unless `--limit` says less."""
    wanted = SubscriptionState(state) if state else None
    most = limit if limit is not None else (0 if call.output.json else LIST_MAX)
    rows: list[tuple[str, str, str]] = []
    cut = False
    with call.project() as project:
        known_list(project, list_name)
        now = call.now()
        with project.store.read() as work:
            for number, person in enumerate(_all_subscribers(work, list_name, wanted)):
                if most and number >= most:
                    cut = True
                    break
                if call.output.json:
                    call.output.record(subscriber_json(work, person, now))
                    continue
                lists = ", ".join(f"{each.list} ({each.state.value})" for each in work.subscriptions(person.id))
                rows.append((person.email, lists or "no list", ", ".join(sorted(person.tags))))
    if call.output.json:
        return
    if rows:
        call.output.table(("subscriber", "lists", "tags"), rows)
    else:
        call.output.answer("no subscribers")
    if cut:
        call.output.talk(f"the first {count(most, 'subscriber')}; see all with `--limit 0`")


@command(
    "show",
    examples=(("drip subscriber show mia@example.com", "fields, tags, lists and how each consent came about"),),
    exits=EXITS,
)
@click.argument("email")
def show(call: Call, email: str) -> None:
    """Show what is known about one subscriber. `drip why` tells what was and will be sent."""
    from drip.cli.person import break_lines, consent_lines, subscription_lines

    with call.project() as project, project.store.read() as work:
        person = find_subscriber(project, work, email)
        if call.output.json:
            call.output.document(subscriber_json(work, person, call.now()))
            return
        zone = project.definition.timezone
        lines = [person.email, f"zone: {person.zone or f'{zone} (the project has it)'}"]
        lines += [f"{name}: {one_line(value)}" for name, value in sorted(person.fields.items())]
        if person.tags:
            lines.append(f"tags: {', '.join(one_line(each) for each in sorted(person.tags))}")
        lines += break_lines(person, call.now(), zone)
        lines += subscription_lines(work.subscriptions(person.id), zone)
        lines += consent_lines(work.consents(person.id), zone)
        call.output.answer("\n".join(lines))


@command(
    "unsubscribe",
    examples=(
        ("drip subscriber unsubscribe mia@example.com", "from every list"),
        ("drip subscriber unsubscribe mia@example.com --list job-seekers", "from one"),
    ),
    exits=EXITS,
)
@click.argument("email")
@click.option("--list", "list_name", metavar="LIST", shell_complete=complete_list, help="Only from this list.")
@click.option("--everything", is_flag=True, help="Also no more mails about webinars they registered for.")
@dry_run_option
def unsubscribe(call: Call, email: str, list_name: str | None, everything: bool, dry_run: bool) -> None:
    """Unsubscribe somebody who asked you to. What was due to them is cancelled in the same moment."""
    if everything and list_name:
        raise WrongUsage("`--everything` and `--list` do not fit together")
    with call.project() as project:
        known_list(project, list_name)
        with project.store.read() as work:
            person = find_subscriber(project, work, email)
            open_lists = [
                each.list
                for each in work.subscriptions(person.id)
                if each.state is not SubscriptionState.ENDED and list_name in (None, each.list)
            ]
        told = ", ".join(open_lists) or ("everything" if everything else "")
        if not dry_run and (open_lists or everything):
            scope = Scope.EVERYTHING if everything else Scope.MARKETING
            evidence = Evidence(where=BY_AUTHOR)
            project.engine.happen(Unsubscribed(person.id, evidence, scope=scope, list=list_name), call.now())
    if call.output.json:
        call.output.document({"type": "unsubscribed", "email": person.email, "lists": open_lists, "dry_run": dry_run})
    elif not told:
        where = list_name or "any list"
        call.output.answer(f"{person.email} is not on {where}; nothing changed")
    else:
        call.output.answer(f"{'would unsubscribe' if dry_run else 'unsubscribed'} {person.email} from {told}")


def _change_tag(call: Call, email: str, tag: str, dry_run: bool, *, present: bool) -> None:
    if not tag.strip():
        raise WrongUsage("the tag is empty")
    with call.project() as project:
        with project.store.read() as work:
            person = find_subscriber(project, work, email)
        same = (tag in person.tags) is present
        if not same and not dry_run:
            project.engine.happen(TagChanged(person.id, tag, present), call.now())
    if call.output.json:
        what = "same" if same else "changed"
        call.output.document({"type": "tag", "email": person.email, "tag": tag, "present": present, "what": what})
        return
    if same:
        call.output.answer(f"{person.email} {'has' if present else 'does not have'} the tag {tag}; nothing changed")
        return
    verb = ("would tag" if dry_run else "tagged") if present else ("would untag" if dry_run else "untagged")
    call.output.answer(f"{verb} {person.email}: {tag}")


@command("tag", examples=(("drip subscriber tag mia@example.com client", "put a tag on somebody"),), exits=EXITS)
@click.argument("email")
@click.argument("tag_name", metavar="TAG")
@dry_run_option
def tag(call: Call, email: str, tag_name: str, dry_run: bool) -> None:
    """Put a tag on a subscriber. A sequence with `start: gets tag T` begins."""
    _change_tag(call, email, tag_name, dry_run, present=True)


@command("untag", examples=(("drip subscriber untag mia@example.com client", "take a tag away"),), exits=EXITS)
@click.argument("email")
@click.argument("tag_name", metavar="TAG")
@dry_run_option
def untag(call: Call, email: str, tag_name: str, dry_run: bool) -> None:
    """Take a tag away from a subscriber."""
    _change_tag(call, email, tag_name, dry_run, present=False)


for each_command in (add, list_, show, unsubscribe, tag, untag):
    subscriber.add_command(each_command)


# --- registration and attendance ---------------------------------------------------------------------------


def webinar_campaigns(project: Project, work: Work, campaign: str | None) -> list[str]:
    names = [
        each.revision.campaign
        for each in project.engine.live.campaigns(work)
        if each.campaign is not None and each.campaign.webinar is not None
    ]
    if campaign is None:
        return names
    if campaign not in names:
        hint = near_hint(campaign, names) or "`drip apply` makes a campaign live"
        raise NotFound(f"there is no live campaign `{one_line(campaign)}` with a webinar", hint=hint)
    return [campaign]


@command(
    "list",
    examples=(
        ("drip registration list", "all webinars"),
        ("drip registration list six-deadly-mistakes --session tuesday-noon", "one session"),
    ),
    exits=EXITS,
)
@click.argument("campaign", required=False, shell_complete=complete_campaign)
@click.option("--session", metavar="NAME", shell_complete=complete_session, help="Only this session.")
@click.option("--state", type=click.Choice([each.value for each in RegistrationState]), help="Only this state.")
def registration_list(call: Call, campaign: str | None, session: str | None, state: str | None) -> None:
    """List who registered for which session."""
    rows: list[tuple[str, str, str, str, str]] = []
    wanted = RegistrationState(state) if state else None
    with call.project() as project, project.store.read() as work:
        for name in webinar_campaigns(project, work, campaign):
            for each in work.registrations(name, session=session, state=wanted):
                person = work.subscriber(each.subscriber_id)
                came = work.attendance(each.id).value
                email = person.email if person is not None else "(erased)"
                standing = seat_state(each, work.waiting_state(each.id)).value
                rows.append((name, each.session, email, standing, came))
    if call.output.json:
        for row in rows:
            names = ("campaign", "session", "email", "state", "attendance")
            call.output.record({"type": "registration", **dict(zip(names, row, strict=True))})
    elif rows:
        call.output.table(("campaign", "session", "subscriber", "state", "attendance"), rows)
    else:
        call.output.answer("no registrations")


def booked_seat(project: Project, work: Work, person: Subscriber, campaign: str | None) -> Registration:
    """The seat that somebody holds, the latest one. Raises NotFound, WrongUsage where it is not clear which."""
    names = webinar_campaigns(project, work, campaign)
    found = [
        each
        for each in work.registrations_of(person.id)
        if each.campaign in names and each.state is RegistrationState.BOOKED
    ]
    if not found:
        raise NotFound(f"{person.email} has no booked registration", hint="`drip registration list` shows who has")
    campaigns = sorted({each.campaign for each in found})
    if len(campaigns) > 1:
        raise WrongUsage(
            f"{person.email} is registered in {count(len(campaigns), 'campaign')}: {', '.join(campaigns)}",
            hint=f"name one: `--campaign {campaigns[0]}`",
        )
    return found[-1]


def check_begun(project: Project, work: Work, campaign: str, session: str, now: datetime) -> None:
    """Raises WrongUsage where a session is still to come: whoever is called missed then would be told so after it."""
    starts = {each.name: each.starts for each in work.sessions(campaign)}.get(session)
    if starts is not None and now < starts:
        begins = moment_text(starts, project.definition.timezone)
        raise WrongUsage(
            f"{campaign}/{session} begins {begins}: nobody came or missed it yet",
            hint="`drip session list` shows when each of them is",
        )


@command(
    "mark",
    examples=(
        ("drip attendance mark mia@example.com attended", "she came"),
        ("drip attendance mark mia@example.com missed --campaign six-deadly-mistakes", "she did not"),
    ),
    exits=EXITS,
)
@click.argument("email")
@click.argument("came", metavar="attended|missed", type=click.Choice(["attended", "missed"]))
@click.option("--campaign", metavar="CAMPAIGN", help="Which webinar.", shell_complete=complete_campaign)
@dry_run_option
def mark(call: Call, email: str, came: str, campaign: str | None, dry_run: bool) -> None:
    """Say whether somebody came. It beats what the join page saw."""
    with call.project() as project:
        with project.store.read() as work:
            person = find_subscriber(project, work, email)
            booked = booked_seat(project, work, person, campaign)
            check_begun(project, work, booked.campaign, booked.session, call.now())
        if not dry_run:
            project.engine.happen(AttendanceReported(booked.id, Attendance(came), BY_AUTHOR), call.now())
    if call.output.json:
        call.output.document(
            {
                "type": "attendance",
                "email": person.email,
                "campaign": booked.campaign,
                "session": booked.session,
                "came": came,
            }
        )
        return
    verb = "would mark" if dry_run else "marked"
    call.output.answer(f"{verb} {person.email} as {came} for {booked.campaign}, {booked.session}")


registration.add_command(registration_list)
attendance.add_command(mark)
