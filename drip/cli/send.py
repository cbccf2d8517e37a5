"""The commands that send: run (cron's) and send (a broadcast). The engine does the work; this file asks and tells.

Called by `drip.cli.main` on demand. What an idle `drip run` imports is what this file and the store import.
"""

from __future__ import annotations

import signal
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

import click

from drip.cli.grammar import EXITS_PROJECT, Call, command, dry_run_option, yes_option
from drip.cli.names import complete_list, complete_post, near_hint
from drip.cli.output import count, one_line
from drip.cli.stopping import Stop
from drip.core.records import Kind
from drip.core.when import wall_clock
from drip.errors import (
    CannotRecord,
    ClockDoubted,
    DripError,
    Interrupted,
    NotFound,
    PartlyDone,
    RelayUnreachable,
    WrongUsage,
)

if TYPE_CHECKING:
    from drip.cli.standby import Standby
    from drip.core.model import Broadcast
    from drip.engine.engine import Ticked
    from drip.engine.live import Edition
    from drip.project import Project
    from drip.store.work import Work

EXITS = (3, 4, *EXITS_PROJECT, 13, 75, 130)
ASK_ABOVE = 50
"""A broadcast to more readers than this is asked about first."""

WATCH_SECONDS = 60.0
"""How long `--watch` sleeps at most: other processes may bring work that is due at once."""

BURST_HINT = "look at them with `drip delivery list`; then `drip run --yes` sends them"

NUMBERS = ("planned", "sent", "deferred", "failed", "uncertain", "skipped", "capped", "held", "recovered")
TOLD = NUMBERS[2:]
KINDS = {each.name.lower(): each for each in Kind}


# --- run ---------------------------------------------------------------------------------------------------


@command(
    "run",
    examples=(
        ("drip run", "the line for cron: `* * * * * cd my-letter && drip run -q`"),
        ("drip run --dry-run", "say what would be sent now"),
        ("drip run --limit 100", "send 100 messages at most"),
        ("drip run --yes", "send also what was held because it was far more than usual"),
        ("drip run --clock-ok", "go on although the clock jumped, because it is right now"),
        ("drip run --watch", "stay and send whenever something is due, until Ctrl-C"),
    ),
    exits=EXITS,
)
@dry_run_option
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Send N messages at most.")
@click.option("--watch", is_flag=True, help="Stay, and send whenever something is due.")
@click.option("--health", metavar="FILE", help="With `--watch`: keep what it does in this file, for monitoring.")
@click.option("--only", type=click.Choice(list(KINDS)), help="Only messages of this kind.")
@click.option(
    "-y", "--yes", is_flag=True, help="Send also what is far more than usual (`burst:`), and was held for it."
)
@click.option("--clock-ok", is_flag=True, help="The clock is right, even if it is far from that of the last run.")
def run(
    call: Call,
    dry_run: bool,
    limit: int | None,
    watch: bool,
    health: str | None,
    only: str | None,
    clock_ok: bool,
    yes: bool,
) -> int:
    """Do what is due, once, and exit. Two runs at once are safe; so is a killed one."""
    if watch and (dry_run or limit is not None):
        raise WrongUsage("`--watch` fits neither `--dry-run` nor `--limit`")
    if health is not None and not watch:
        raise WrongUsage("`--health` is for `--watch`; for single runs there is `drip status --max-age`")
    if yes and (watch or dry_run):
        raise WrongUsage("`--yes` fits neither `--watch` nor `--dry-run`", hint="say it once: `drip run --yes`")
    kind = KINDS[only] if only else None
    with call.project() as project:
        _warn_of_test_mode(call, project)
        if dry_run:
            from drip.cli.dry_run import tell_due

            return tell_due(call, project, kind)
        if watch:
            if not clock_ok:
                _check_clock(call, project)
            _watch(call, project, kind, health)
            return 0
        return _once(call, project, limit, kind, clock_ok=clock_ok, yes=yes)


def _warn_of_test_mode(call: Call, project: Project) -> None:
    """Loud, but for `--quiet` and cron: `drip status` and `drip check` say it, too."""
    address = project.definition.test_mode
    if address:
        call.output.talk(f"warning: TEST MODE is on: all mail goes to {address}, and none to readers")


def _check_clock(call: Call, project: Project) -> None:
    """Refuse to work by a clock that jumped: everything would be late at once, or nothing due for years."""
    from drip.core.clock import doubt

    # A glance has compared the clock itself; this is for whatever it would not answer for.
    with project.store.read() as work:
        last = work.last_run()
    reason = doubt(call.now(), last.started_at if last else None)
    if reason is not None:
        raise ClockDoubted(reason)


def _once(call: Call, project: Project, limit: int | None, kind: Kind | None, *, clock_ok: bool, yes: bool) -> int:
    from drip.simulate import next_moment

    if yes:
        _release(call, project)
    glance = None if yes else project.glance(call.now())
    interrupted = False
    if glance is not None:
        numbers, relay_down, resting, next_at = dict.fromkeys(NUMBERS, 0), "", "", glance.next_at
    else:
        if not clock_ok:
            _check_clock(call, project)
        with Stop(project.engine.stop, call.output.talk) as stop:
            numbers, relay_down, resting = _recorded(call, project, limit, kind, stop, careful=not yes)
        interrupted = bool(stop.asked)
        next_at = next_moment(project.engine)
    # A glance is never content with a project that was not applied.
    if glance is None and next_at is None and not any(numbers.values()) and not _is_applied(project):
        return _nothing_applied(call)
    if call.output.json:
        document = {"type": "run", **numbers, "next_at": next_at, "relay_down": relay_down, "resting": resting}
        call.output.document({**document, "test_mode": project.definition.test_mode or None})
    elif not (call.output.quiet and not any(numbers.values())):
        call.output.answer(_summary(numbers, next_at, call.now(), project, resting))
    if interrupted:
        return Interrupted.exit_code
    if relay_down and not numbers["sent"]:
        raise RelayUnreachable(f"the relay is down: {relay_down}")
    if relay_down or any(numbers[name] for name in ("deferred", "failed", "uncertain", "held")):
        call.output.talk(f"hint: {PartlyDone.default_hint}")
        return PartlyDone.exit_code
    return 0


def _release(call: Call, project: Project) -> None:
    from drip.engine.bursting import release_burst

    released = release_burst(project.store, call.now())
    if released:
        call.output.talk(f"{count(released, 'drip mail')} that were held are due again")


def _is_applied(project: Project) -> bool:
    with project.store.read() as work:
        return work.live_revision("") is not None


def _nothing_applied(call: Call) -> int:
    # Not an error: cron may be set up before the first `drip apply`.
    if call.output.json:
        call.output.document({"type": "run", **dict.fromkeys(NUMBERS, 0), "next_at": None, "relay_down": ""})
    elif not call.output.quiet:
        call.output.answer("nothing is applied yet; make your files live with `drip apply`")
    return 0


def _recorded(
    call: Call, project: Project, limit: int | None, kind: Kind | None, stop: Stop, *, careful: bool = True
) -> tuple[dict[str, int], str, str]:
    """One run with its record, for `status` and for monitoring; an idle one is recorded in one transaction."""
    from drip.project import make_owner

    engine, started = project.engine, call.now()
    if engine.is_idle(started):
        with project.store.write() as work:
            work.finish_run(work.start_run(make_owner(), started), started, 0, "")
        return dict.fromkeys(NUMBERS, 0), "", ""
    with project.store.write() as work:
        number = work.start_run(make_owner(), started)
    totals: Counter[str] = Counter()
    note = ""
    try:
        while True:
            left = None if limit is None else limit - totals["sent"]
            ticked = engine.tick(call.now(), limit=left, only=kind, careful=careful)
            if ticked.burst is not None:
                # Also with --quiet: cron mails it to the author.
                call.output.complain(f"held: {ticked.burst.text}\nhint: {BURST_HINT}")
            totals.update({name: getattr(ticked, name) for name in NUMBERS})
            note = ticked.relay_down or ticked.resting
            if stop.asked:
                note = "stopped by a signal"
            if stop.asked or not _goes_on(ticked, limit, totals):
                break
    except BaseException as error:
        note = error.message if isinstance(error, DripError) else f"ended by {type(error).__name__}"
        raise
    finally:
        # A database that cannot be written ends the run anyway; its own error must not be hidden by this one.
        _finish(call, project, number, totals["sent"], note)
    return {name: totals[name] for name in NUMBERS}, ticked.relay_down, ticked.resting


def _goes_on(ticked: Ticked, limit: int | None, totals: Counter[str]) -> bool:
    return ticked.more and not ticked.relay_down and (limit is None or totals["sent"] < limit) and ticked.sent > 0


def _finish(call: Call, project: Project, number: int, sent: int, note: str) -> None:
    try:
        with project.store.write() as work:
            work.finish_run(number, call.now(), sent, note)
    except CannotRecord as error:
        call.output.talk(f"the run's end was not recorded: {error.message}")


def _summary(
    numbers: dict[str, int], next_at: datetime | None, now: datetime, project: Project, resting: str = ""
) -> str:
    if resting:
        after = resting
    elif next_at is None:
        after = "nothing else is planned"
    elif next_at <= now:
        after = "more is due"
    else:
        after = f"next at {wall_clock(next_at, project.definition.timezone)}"
    if resting and not any(numbers.values()):
        return f"nothing was sent: {after}"
    if not any(numbers.values()):
        return f"nothing is due; {after.replace('nothing else', 'nothing')}"
    parts = [f"sent {count(numbers['sent'], 'message')}"]
    parts += [f"{numbers[name]:,} {name}" for name in TOLD if numbers[name]]
    return f"{', '.join(parts)}; {after}"


def _watch(call: Call, project: Project, kind: Kind | None, health: str | None) -> None:
    """Until Ctrl-C (130) or SIGTERM (0). A relay that is down is told and tried again; anything else ends the watch."""
    from drip.cli.standby import Standby

    call.output.talk("watching; stop with Ctrl-C")
    standby = Standby(call.path(health) if health else None)
    if standby.beat_seconds is not None:
        project.engine.heartbeat = standby.beat, standby.beat_seconds
    standby.ready()

    def ask_to_stop() -> bool:
        standby.stopping(call.now())
        return project.engine.stop()

    with Stop(ask_to_stop, call.output.talk) as stop:
        try:
            while not stop.asked:
                _watch_once(call, project, kind, stop, standby)
        except KeyboardInterrupt:
            if stop.asked != signal.SIGTERM:
                raise
        finally:
            standby.stopping(call.now())
    if stop.asked == signal.SIGINT:
        raise KeyboardInterrupt


def _watch_once(call: Call, project: Project, kind: Kind | None, stop: Stop, standby: Standby) -> None:
    from drip.simulate import next_moment

    numbers: dict[str, int] = {}
    trouble = ""
    try:
        numbers, _, trouble = _recorded(call, project, None, kind, stop)
        if any(numbers.values()):
            call.output.answer(_summary(numbers, next_moment(project.engine), call.now(), project, trouble))
    except RelayUnreachable as error:
        call.output.complain(f"error: {error.message}\nhint: trying again in a minute")
        trouble = error.message
    if stop.asked:
        return
    next_at = next_moment(project.engine)
    left = WATCH_SECONDS if next_at is None else (next_at - call.now()).total_seconds()
    standby.did(numbers, next_at, call.now(), trouble)
    most = min(WATCH_SECONDS, standby.beat_seconds or WATCH_SECONDS)
    # Never less than a second: what stays due (a relay that is down) must not spin.
    call.pause(min(most, max(1.0, left)) if left > 0 else most)


# --- send --------------------------------------------------------------------------------------------------


def _live_post(project: Project, work: Work, address: str) -> tuple[Edition, str]:
    """The live campaign and post of an address. Raises NotFound."""
    campaign, _, post = address.removeprefix("campaigns/").removesuffix(".md").rpartition("/")
    editions = project.engine.live.campaigns(work)
    found = [
        each
        for each in editions
        if each.campaign is not None and post in each.campaign.posts and campaign in ("", each.revision.campaign)
    ]
    if len(found) == 1:
        return found[0], post
    if found:
        places = " or ".join(f"`{each.revision.campaign}/{post}`" for each in found)
        raise NotFound(f"`{one_line(address)}` could be {places}", hint="name one of them")
    known = [f"{each.revision.campaign}/{name}" for each in editions if each.campaign for name in each.campaign.posts]
    on_disk = any(path.endswith(f"/{post}.md") for path in project.wanted())
    known += [each.rpartition("/")[2] for each in known]
    hint = "it is in your files but not live: `drip apply`" if on_disk else near_hint(address, known)
    raise NotFound(f"there is no live post `{one_line(address)}`", hint=hint)


def _broadcast(post: str, list_name: str, where: str | None, at: str | None, priority: str | None) -> Broadcast:
    from drip.core.caps import NORMAL
    from drip.core.limits import parse_priority
    from drip.core.model import Broadcast, WhenKind
    from drip.core.problems import PhraseError
    from drip.core.segments import parse_condition
    from drip.core.when import parse_when

    try:
        when = parse_when(at or "at once")
    except PhraseError as error:
        raise WrongUsage(f"`--at`: {error.message}", hint=error.help) from None
    if when.kind not in (WhenKind.AT, WhenKind.AT_ONCE):
        hint = "write it as `2026-12-01 9:00` or `2026-12-01 9:00 reader's time`"
        raise WrongUsage(f"`--at`: a broadcast needs a calendar moment, not `{one_line(at or '')}`", hint=hint)
    try:
        condition = parse_condition(where) if where else None
    except PhraseError as error:
        raise WrongUsage(f"`--where`: {error.message}", hint=error.help) from None
    try:
        first = NORMAL if priority is None else parse_priority(priority)
    except PhraseError as error:
        raise WrongUsage(f"`--priority`: {error.message}", hint=error.help) from None
    return Broadcast(post, list_name, when, condition, priority=first)


def _occasion(work: Work, edition: Edition, broadcast: Broadcast, again: bool, now: datetime) -> str:
    """The broadcast's occasion. Refuses a post that was broadcast before, unless told `--again`."""
    from drip.engine.broadcasts import occasion_of
    from drip.store.results import BroadcastState

    name = edition.revision.campaign
    earlier = [
        each
        for each in work.broadcasts(name)
        if each.post == broadcast.post and each.state is not BroadcastState.CANCELLED
    ]
    if not earlier:
        return occasion_of(name, broadcast)
    if not again:
        last = earlier[-1]
        if last.frozen_at is None:
            went = f"is planned already, {last.occasion.rpartition('@')[2]}"
        else:
            at = wall_clock(last.frozen_at, edition.definition.timezone)
            went = f"went to {count(last.recipients, 'reader')} on {at}"
        raise WrongUsage(
            f"{name}/{broadcast.post} {went}", hint="send it once more with `--again`: readers then get it twice"
        )
    # The author's moment stays at the end: the engine reads the reader's time from there.
    return f"{name}/broadcast/{broadcast.post}/again-{int(now.timestamp())}@{broadcast.when.phrase}"


@command(
    "send",
    examples=(
        ("drip send six-deadly-mistakes/december-letter --to job-seekers", "with the next `drip run`"),
        (
            'drip send december-letter --to job-seekers --at "2026-12-01 9:00 reader\'s time"',
            "at nine where each reader lives",
        ),
        (
            'drip send december-letter --to job-seekers --where "not tag webinar-graduate" --dry-run',
            "how many it would reach",
        ),
        ("drip send december-letter --to job-seekers --priority high", "before all else that is due to a reader"),
    ),
    exits=(4, *EXITS_PROJECT, 75, 130),
)
@click.argument("post", shell_complete=complete_post)
@click.option(
    "--to",
    "list_name",
    metavar="LIST",
    required=True,
    shell_complete=complete_list,
    help="The list whose readers get it.",
)
@click.option("--where", metavar="CONDITION", help='Only readers for whom this holds, as "not tag client".')
@click.option(
    "--at", metavar="TIME", help="When, as `2026-12-01 9:00`, perhaps with `reader's time`. [default: at once]"
)
@click.option(
    "--priority",
    metavar="PRIORITY",
    help="What goes first where `at-most:` limits a reader: high, normal, low or 0 to 100. [default: normal]",
)
@click.option("--again", is_flag=True, help="Although this post was broadcast before.")
@dry_run_option
@yes_option
def send(
    call: Call,
    post: str,
    list_name: str,
    where: str | None,
    at: str | None,
    priority: str | None,
    again: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Broadcast a live post to a list. It is planned now and leaves with `drip run`."""
    from drip.cli.people import known_list
    from drip.core.limits import priority_text
    from drip.core.model import WhenKind
    from drip.core.when import due
    from drip.engine.broadcasts import count_readers, put_broadcast
    from drip.reports.delivering import relay_numbers, too_slow

    now = call.now()
    with call.project() as project:
        _warn_of_test_mode(call, project)
        known_list(project, list_name)
        with project.store.read() as work:
            edition, name = _live_post(project, work, post)
            broadcast = _broadcast(name, list_name, where, at, priority)
            occasion = _occasion(work, edition, broadcast, again, now)
            readers = count_readers(work, edition, broadcast, now)
            is_paused = any(not each.sequence for each in work.open_pauses(edition.revision.campaign))
            numbers = relay_numbers(work, project, now)
        zone = edition.campaign.timezone if edition.campaign else project.definition.timezone
        due_at = due(broadcast.when, anchor=now, zone=zone, hours=None, session=None, campaign_zone=zone)
        if broadcast.when.kind is WhenKind.AT and due_at <= now:
            raise WrongUsage(f"`--at`: {wall_clock(due_at, zone)} has passed")
        told = f"{edition.revision.campaign}/{name} to {count(readers, 'reader')} of {list_name}"
        told += "" if broadcast.when.kind is WhenKind.AT_ONCE else f" at {broadcast.when.phrase}"
        told += "" if priority is None else f", priority {priority_text(broadcast.priority)}"
        if not readers and broadcast.when.kind is WhenKind.AT_ONCE:
            raise NotFound(
                "nobody would get it; nothing was planned", hint=f"`drip subscriber list --list {list_name}`"
            )
        slow = too_slow(project, numbers, readers, now, due_at)
        if slow:
            call.output.talk(f"warning: {slow}")
        if dry_run:
            _told_send(call, f"would send {told}", occasion, due_at, readers, dry_run)
            return
        if readers > ASK_ABOVE and not yes and not call.output.ask(f"send {told}?"):
            call.output.answer("nothing was planned")
            return
        with project.store.write() as work:
            put_broadcast(
                project.engine.scene(work, now), edition, broadcast, occasion=occasion, priority=broadcast.priority
            )
    after = "`drip run` sends it when it is due"
    if is_paused:
        after = f"{edition.revision.campaign} is paused; `drip resume {edition.revision.campaign}` lets it go"
    _told_send(call, f"planned {told}\nnext: {after}", occasion, due_at, readers, dry_run)


def _told_send(call: Call, text: str, occasion: str, due_at: datetime, readers: int, dry_run: bool) -> None:
    if call.output.json:
        document = {"type": "send", "occasion": occasion, "due_at": due_at, "readers": readers, "dry_run": dry_run}
        call.output.document(document)
    else:
        call.output.answer(text)
