"""The commands about people in sequences: list, show, add, stop, move. Called by `drip.cli.main` on demand.

All people of one call are settled in one transaction. What a reader has not allowed is refused here as everywhere:
`drip.engine.enrolling` judges each of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from drip.cli.grammar import EXITS_PROJECT, Call, command, dry_run_option, noun
from drip.cli.names import complete_campaign, near_hint
from drip.cli.output import count, one_line
from drip.cli.people import find_subscriber
from drip.core.model import Campaign, Step
from drip.core.records import Enrollment, EnrollmentState, Subscriber
from drip.core.when import wall_clock
from drip.errors import DripError, NotFound, PartlyDone, WrongUsage

if TYPE_CHECKING:
    from drip.engine.enrolling import Place, Settled
    from drip.engine.scene import Scene
    from drip.project import Project
    from drip.store.work import Work

EXITS = (4, *EXITS_PROJECT, 75)
LIST_MAX = 100
PAGE = 500

enrollment = noun("enrollment", "Passages through sequences: who is where; put people in, take them out, move them.")


class Refused(DripError):
    """Nothing was changed."""

    name = "refused"
    exit_code = 2


# --- what is meant -------------------------------------------------------------------------------------------


def _campaign(project: Project, work: Work, name: str) -> Campaign:
    live = {
        each.campaign.name: each.campaign for each in project.engine.live.campaigns(work) if each.campaign is not None
    }
    if name not in live:
        hint = near_hint(name, live) or f"live are: {', '.join(live) or 'none; see `drip apply`'}"
        raise NotFound(f"there is no live campaign `{one_line(name)}`", hint=hint)
    return live[name]


def place_of(project: Project, work: Work, address: str) -> Place:
    """The live sequence that `CAMPAIGN/SEQUENCE` means. Raises NotFound, WrongUsage."""
    from drip.engine.enrolling import Place

    name, slash, rest = address.removeprefix("campaigns/").partition("/")
    if not slash:
        raise WrongUsage(f"`{one_line(address)}` names no sequence", hint="write it as CAMPAIGN/SEQUENCE")
    campaign = _campaign(project, work, name)
    sequence = campaign.sequence_named(rest)
    if sequence is None:
        known = [each.name for each in campaign.sequences]
        hint = near_hint(rest, known) or f"it has: {', '.join(known) or 'none'}"
        raise NotFound(f"{name} has no sequence `{one_line(rest)}`", hint=hint)
    return Place(campaign, sequence)


def _step_of(place: Place, name: str) -> Step:
    steps = place.sequence.steps
    found = [each for each in steps if name in (each.identity, each.identity.partition("/")[2])]
    if not found:
        known = [each.identity.partition("/")[2] for each in steps]
        hint = near_hint(name, known) or f"it has: {', '.join(known)}; another sequence is CAMPAIGN/SEQUENCE"
        raise NotFound(f"{place} has no step `{one_line(name)}`", hint=hint)
    return found[0]


def _people(
    project: Project, work: Work, call: Call, emails: Sequence[str], file: str | None, where: str | None, place: Place
) -> list[Subscriber]:
    """Whom the call is about: named, one address a line in a file, or all for whom a condition holds."""
    if (bool(emails), file is not None, where is not None).count(True) != 1:
        raise WrongUsage("say for whom", hint="name addresses, or give `--file FILE`, or `--where CONDITION`")
    if where is not None:
        from drip.core.problems import PhraseError
        from drip.core.segments import parse_condition

        try:
            term = parse_condition(where).term
        except PhraseError as error:
            raise WrongUsage(f"`--where`: {error.message}", hint=error.help) from None
        ids = work.people_where(term, place.campaign.name, call.now())
        return [each for each in map(work.subscriber, ids) if each is not None]
    if file is not None:
        with click.open_file(file if file == "-" else str(call.path(file)), encoding="utf-8-sig") as lines:
            emails = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    people = {found.id: found for found in (find_subscriber(project, work, each) for each in emails)}
    return list(people.values())


# --- looking -------------------------------------------------------------------------------------------------


def _all(
    work: Work, place: tuple[str | None, str | None], state: EnrollmentState | None, step: str | None
) -> Iterator[tuple[Enrollment, str]]:
    after = 0
    while page := work.enrollments_in(*place, state=state, step=step, after_id=after, limit=PAGE):
        yield from page
        after = page[-1][0].id


@command(
    "list",
    examples=(
        ("drip enrollment list", "everybody who is in a sequence now"),
        ("drip enrollment list six-deadly-mistakes/invite --step last-seats", "who waits for one step"),
        ("drip enrollment list --state stopped --json", "one JSON object a line"),
    ),
    exits=EXITS,
)
@click.argument("where", metavar="[CAMPAIGN[/SEQUENCE]]", required=False, shell_complete=complete_campaign)
@click.option(
    "--state",
    type=click.Choice([*(each.value for each in EnrollmentState), "all"]),
    default="running",
    show_default=True,
    help="In this state.",
)
@click.option("--step", metavar="STEP", help="Only those who wait for this step.")
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help=f"At most N; 0 is all. [default: {LIST_MAX}]")
def list_(call: Call, where: str | None, state: str, step: str | None, limit: int | None) -> None:
    """List who is in which sequence, and what they wait for. With `--json` all of them, unless `--limit` says less."""
    most = limit if limit is not None else (0 if call.output.json else LIST_MAX)
    wanted = None if state == "all" else EnrollmentState(state)
    rows: list[tuple[str, ...]] = []
    cut = False
    with call.project() as project, project.store.read() as work:
        zone = project.definition.timezone
        campaign, sequence = _looked_for(project, work, where)
        identity = _identity(project, work, campaign, sequence, step)
        for number, (each, email) in enumerate(_all(work, (campaign, sequence), wanted, identity)):
            if most and number >= most:
                cut = True
                break
            if call.output.json:
                call.output.record(_document(each, email))
            else:
                rows.append(_row(each, email, zone))
    if call.output.json:
        return
    if rows:
        call.output.table(("subscriber", "sequence", "state", "since", "waits for", "at"), rows)
    else:
        call.output.answer("no enrollments")
    if cut:
        call.output.talk(f"the first {count(most, 'enrollment')}; see all with `--limit 0`")


def _looked_for(project: Project, work: Work, where: str | None) -> tuple[str | None, str | None]:
    if where is None:
        return None, None
    if "/" in where.removeprefix("campaigns/").rstrip("/"):
        place = place_of(project, work, where)
        return place.campaign.name, place.sequence.name
    return _campaign(project, work, where.removeprefix("campaigns/").rstrip("/")).name, None


def _identity(project: Project, work: Work, campaign: str | None, sequence: str | None, step: str | None) -> str | None:
    if step is None or "/" in step:
        return step
    if campaign is None or sequence is None:
        raise WrongUsage("`--step` needs a sequence", hint="write `--step SEQUENCE/POST`, or name CAMPAIGN/SEQUENCE")
    return _step_of(place_of(project, work, f"{campaign}/{sequence}"), step).identity


def _row(each: Enrollment, email: str, zone: str) -> tuple[str, ...]:
    waits = (each.next_step or "").partition("/")[2]
    at = wall_clock(each.next_due, zone) if each.next_due is not None else ""
    if each.state is not EnrollmentState.RUNNING:
        waits, at = "", f"ended {wall_clock(each.ended_at, zone)} ({each.end_reason})" if each.ended_at else ""
    elif each.paused_at is not None:
        at = f"paused since {wall_clock(each.paused_at, zone)}"
    return (
        one_line(email),
        f"{each.campaign}/{each.sequence}",
        each.state.value,
        wall_clock(each.started_at, zone),
        waits,
        at,
    )


def _document(each: Enrollment, email: str) -> dict[str, object]:
    return {
        "type": "enrollment",
        "id": each.id,
        "email": email,
        "campaign": each.campaign,
        "sequence": each.sequence,
        "occasion": each.occasion,
        "state": each.state.value,
        "started_at": each.started_at,
        "next_step": each.next_step,
        "next_at": each.next_due,
        "paused_at": each.paused_at,
        "ended_at": each.ended_at,
        "end_reason": each.end_reason,
        "done": [
            {"step": done.step, "did": done.did.value, "at": done.at, "reason": done.reason} for done in each.done
        ],
    }


@command(
    "show",
    examples=(
        ("drip enrollment show mia@example.com", "all passages of one reader, step by step"),
        ("drip enrollment show mia@example.com six-deadly-mistakes/invite", "one"),
    ),
    exits=EXITS,
)
@click.argument("email")
@click.argument("sequence", metavar="[CAMPAIGN/SEQUENCE]", required=False, shell_complete=complete_campaign)
def show(call: Call, email: str, sequence: str | None) -> None:
    """Show somebody's passages through sequences: what is behind them, and what comes if nobody acts."""
    from drip.cli.person import gather, passage_lines

    with call.project() as project, project.store.read() as work:
        story = gather(project, work, email, None, call.now())
        place = place_of(project, work, sequence) if sequence else None
        found = [
            each
            for each in story.passages
            if place is None or f"{each.enrollment.campaign}/{each.enrollment.sequence}" == str(place)
        ]
    if call.output.json:
        for each in found:
            call.output.record(_document(each.enrollment, story.person.email))
    elif not found:
        call.output.answer(f"{story.person.email} has never been in {place or 'a sequence'}")
    else:
        lines = [f"{story.person.email}   times in {story.zone}"]
        for each in found:
            lines += passage_lines(each, story.zone)
        call.output.answer("\n".join(lines))


# --- changing ------------------------------------------------------------------------------------------------

file_option = click.option("--file", metavar="FILE", help="One address a line; `-` reads them from standard input.")
where_option = click.option("--where", metavar="CONDITION", help="Everybody for whom it holds, as `tag client`.")


def _settle(
    call: Call,
    words: tuple[str, ...],
    file: str | None,
    where: str | None,
    dry_run: bool,
    act: Callable[[Scene, Subscriber, Place], Settled],
) -> tuple[Place, list[Settled]]:
    """Do it for everybody the call is about, in one transaction; the last word names the sequence."""
    *emails, address = words
    with call.project() as project:
        now = call.now()
        with project.store.read() as work:
            place = place_of(project, work, address)
            people = _people(project, work, call, emails, file, where, place)

        def all_of_them(work: Work) -> list[Settled]:
            scene = project.engine.scene(work, now)
            found = [act(scene, each, place) for each in people]
            scene.write_log()
            return found

        if dry_run:
            with project.store.read() as work:
                return place, all_of_them(work)
        return place, project.store.transact(all_of_them)


def _tell(call: Call, kind: str, place: Place, found: Sequence[Settled], dry_run: bool, undo: str) -> int:
    """Say what came of it; 3 where some were refused. A single refusal is an error of its own."""
    refused = [each for each in found if each.is_refused]
    if call.output.json:
        rows = [{"email": each.email, "what": each.what, "reason": each.reason, "text": each.text} for each in found]
        call.output.document({"type": kind, "sequence": str(place), "dry_run": dry_run, "people": rows})
    elif len(found) == 1 and refused:
        raise Refused(f"{found[0].email}: {found[0].text}", hint=f"`drip explain {found[0].reason}` tells more")
    else:
        _say(call, place, found, dry_run)
        if undo and not dry_run and len(refused) < len(found):
            call.output.answer(f"undo: `{undo}`")
    return PartlyDone.exit_code if refused else 0


def _say(call: Call, place: Place, found: Sequence[Settled], dry_run: bool) -> None:
    if not found:
        call.output.answer("nobody is meant; nothing changed")
    numbers = Counter(each.what for each in found if not each.is_refused)
    would = "would have " if dry_run else ""
    for what, number in numbers.items():
        one = next(each for each in found if each.what == what)
        who = one.email if number == 1 else count(number, "person", "people")
        text = f" ({one.text})" if number == 1 and one.text else ""
        preposition = {"added": "to", "put back": "into", "stopped": "in"}.get(what, "in")
        call.output.answer(f"{would}{what} {who} {preposition} {place}{text}")
    for each in found:
        if each.is_refused:
            call.output.answer(f"not {each.email}: {each.text} ({each.reason})")


@command(
    "add",
    examples=(
        ("drip enrollment add mia@example.com six-deadly-mistakes/invite", "she asked for the letters again"),
        ("drip enrollment add --file people.txt six-deadly-mistakes/invite -n", "who of a list could be added"),
        ('drip enrollment add --where "tag client" six-deadly-mistakes/invite', "all clients"),
    ),
    exits=(3, *EXITS),
)
@click.argument("words", metavar="[EMAIL]... CAMPAIGN/SEQUENCE", nargs=-1, required=True)
@file_option
@where_option
@dry_run_option
def add(call: Call, words: tuple[str, ...], file: str | None, where: str | None, dry_run: bool) -> int:
    """Put people into a sequence by hand. Consent, suppressions and `again:` count as ever.

    Whom you took out goes on where they stopped.
    """
    from drip.engine.enrolling import add as put_in

    place, found = _settle(
        call, words, file, where, dry_run, lambda scene, each, place: put_in(scene, each, place, dry_run=dry_run)
    )
    undo = f"drip enrollment stop {found[0].email} {place}" if len(found) == 1 else ""
    return _tell(call, "enrollment-added", place, found, dry_run, undo)


@command(
    "stop",
    examples=(
        ("drip enrollment stop mia@example.com six-deadly-mistakes/invite", "she has bought already"),
        ('drip enrollment stop --where "tag client" six-deadly-mistakes/invite --reason "are clients"', "many"),
    ),
    exits=(3, *EXITS),
)
@click.argument("words", metavar="[EMAIL]... CAMPAIGN/SEQUENCE", nargs=-1, required=True)
@click.option("--reason", metavar="TEXT", default="", help="Why; `drip why` and `drip log` show it.")
@file_option
@where_option
@dry_run_option
def stop(call: Call, words: tuple[str, ...], reason: str, file: str | None, where: str | None, dry_run: bool) -> int:
    """Take people out of a sequence. What is planned for them and not begun is taken back."""
    from drip.engine.enrolling import stop as take_out

    place, found = _settle(
        call,
        words,
        file,
        where,
        dry_run,
        lambda scene, each, place: take_out(scene, each, place, reason, dry_run=dry_run),
    )
    undo = f"drip enrollment add {found[0].email} {place}" if len(found) == 1 else ""
    return _tell(call, "enrollment-stopped", place, found, dry_run, undo)


@command(
    "move",
    examples=(
        ("drip enrollment move mia@example.com six-deadly-mistakes/invite last-seats", "past what lies between"),
        ("drip enrollment move mia@example.com six-deadly-mistakes/invite other-course/welcome", "to another sequence"),
    ),
    exits=(3, *EXITS),
)
@click.argument("words", metavar="[EMAIL]... CAMPAIGN/SEQUENCE STEP|CAMPAIGN/SEQUENCE", nargs=-1, required=True)
@file_option
@where_option
@dry_run_option
def move(call: Call, words: tuple[str, ...], file: str | None, where: str | None, dry_run: bool) -> int:
    """Let people stand before another step, or in another sequence. Nothing that was sent is sent again.

    Steps between are skipped as `moved-by-author`; moving back makes up for those. A step that is overdue then goes
    at its next clock, and within the hours.
    """
    from drip.engine import enrolling

    if len(words) < 2:
        raise WrongUsage("say where to", hint="name the step, or CAMPAIGN/SEQUENCE, as the last word")
    *rest, to = words
    with call.project() as project, project.store.read() as work:
        place = place_of(project, work, rest[-1])
        elsewhere = place_of(project, work, to) if "/" in to and not _names_step(place, to) else None
        step = None if elsewhere is not None else _step_of(place, to)

    def act(scene: Scene, each: Subscriber, place: Place) -> Settled:
        if elsewhere is not None:
            return enrolling.move_over(scene, each, place, elsewhere, dry_run=dry_run)
        assert step is not None, "it is the one or the other"
        return enrolling.move(scene, each, place, step, dry_run=dry_run)

    place, found = _settle(call, tuple(rest), file, where, dry_run, act)
    return _tell(call, "enrollment-moved", place, found, dry_run, "")


def _names_step(place: Place, word: str) -> bool:
    return any(each.identity == word for each in place.sequence.steps)


for each_command in (list_, show, add, stop, move):
    enrollment.add_command(each_command)
