"""The command `rehearse`: plays a campaign in fast time, and tells what came of it. Writes nothing anywhere.

Called by `drip.cli.main` on demand.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from drip.cli.grammar import EXITS_PROJECT, MOMENT, SPAN_TYPE, Call, command, settle
from drip.cli.names import complete_campaign
from drip.cli.output import count, one_line, rfc3339, span_words
from drip.errors import DripError, NotFound, WrongUsage

if TYPE_CHECKING:
    from drip.core.forecast import Turn
    from drip.core.records import SubscriberId
    from drip.project import Project
    from drip.rehearsal.foresight import Comparison
    from drip.rehearsal.play import Play
    from drip.rehearsal.summary import Summary

PEOPLE_MAX = 1_000_000
DAYS_MAX = 3_650


class PromiseBroken(DripError):
    """A promise was broken in the rehearsal: this is a bug in drip."""

    name = "promise-broken"
    exit_code = 1
    default_hint = "please report it with your campaign.yaml and the line that repeats it"


@command(
    "rehearse",
    examples=(
        ("drip rehearse six-deadly-mistakes", "one reader who joins now and only reads: a timeline"),
        ("drip rehearse six-deadly-mistakes --people 500 --days 60", "many, who register, come, leave: a summary"),
        ("drip rehearse --people 500 --seed 7 --start 2026-11-16", "the same every time"),
        ("drip rehearse --from-db --days 30", "the people as they stand now, copied; nothing real is touched"),
    ),
    exits=(1, 4, *EXITS_PROJECT, 75),
)
@click.argument("campaign", required=False, shell_complete=complete_campaign)
@click.option(
    "--people", type=click.IntRange(0, PEOPLE_MAX), help="How many come in; 1 if not said, or 0 with --from-db."
)
@click.option("--days", type=click.IntRange(1, DAYS_MAX), default=60, show_default=True, help="How long it is played.")
@click.option("--seed", type=int, default=1, show_default=True, help="What people and the relay do by chance.")
@click.option("--start", type=MOMENT, metavar="MOMENT", help="When it begins. [default: now]")
@click.option("--every", type=SPAN_TYPE, default="10m", show_default=True, help="How often cron calls `drip run`.")
@click.option("--from-db", is_flag=True, help="Begin with a copy of the people as they stand now.")
@click.option("--calm", is_flag=True, help="A relay without faults.")
def rehearse(
    call: Call,
    campaign: str | None,
    people: int | None,
    days: int,
    seed: int,
    start: datetime | None,
    every: timedelta,
    from_db: bool,
    calm: bool,
) -> None:
    """Play CAMPAIGN, or all of them, as your files are now, in fast time.

    The engine is the real one; database, people, relay and clock are made up. Nothing is sent and nothing is written.
    """
    from drip.rehearsal.crowd import ONLY_READS, Habits
    from drip.rehearsal.foresight import foresight_of
    from drip.rehearsal.play import Setting
    from drip.rehearsal.relay import NONE, Faults
    from drip.rehearsal.summary import summarize

    if every < timedelta(minutes=1):
        raise WrongUsage("cron calls once a minute at the most", hint="write `--every 1m` or more")
    number = people if people is not None else (0 if from_db else 1)
    alone = number == 1 and not from_db
    now = call.now()
    with call.project() as project:
        setting = Setting(
            start=settle(start, project.definition.timezone) if start else now,
            days=days,
            seed=seed,
            people=number,
            every=every,
            faults=NONE if calm or alone else Faults(),
            habits=ONLY_READS if alone else Habits(),
        )
        play = _stage(project, setting, campaign, from_db=from_db)
        if alone:
            _enter_alone(play)
        else:
            play.invite()
        turns = _foresee(play) if from_db else {}
        play.run(progress=lambda moment: call.output.progress(f"rehearsing {moment:%Y-%m-%d}"))
        call.output.progress("")
        paces = [each.pace_per_minute for each in project.definition.relays[:1]]
        summary = summarize(play, paces[0] if paces else None)
        repeat = _repeat(call, play, campaign, from_db=from_db, calm=calm)
        foresight = foresight_of(play, turns) if from_db else None
        if call.output.json:
            call.output.document(_document(play, summary, repeat, foresight))
        elif alone:
            _tell_one(call, play)
        else:
            _tell_many(call, play, summary)
            if foresight is not None:
                _tell_foresight(call, foresight)
        if summary.broken_number:
            raise PromiseBroken(
                f"{count(summary.broken_number, 'promise')} broken: {one_line(summary.broken[0])}",
                hint=f"repeat it with `{repeat}`, and please report it",
            )
    return


def _stage(project: Project, setting: object, campaign: str | None, *, from_db: bool) -> Play:
    """The play, with the copied people where they are wanted."""
    from drip.authoring.read_campaign import campaign_names
    from drip.rehearsal.play import Play, Setting, memory_store

    assert isinstance(setting, Setting)
    files = project.wanted()
    if campaign is not None and campaign not in campaign_names(files):
        raise NotFound(f"there is no campaign `{one_line(campaign)}`", hint="`drip check` reads them all")
    names = (campaign,) if campaign is not None else ()
    if not from_db:
        play = Play(files, project.definition, setting, names=names)
        play.open()
        return play
    store = memory_store()
    _copy(project, store)
    play = Play(files, project.definition, setting, names=names, store=store, keys=project.keys)
    play.open()
    after = None
    while True:
        with store.read() as work:
            known = work.subscribers(limit=1000, after_id=after or 0)
        if not known:
            return play
        play.recall(known)
        after = known[-1].id


def _foresee(play: Play) -> dict[SubscriberId, Turn | None]:
    """What is ahead of everybody before it begins, if nobody acts."""
    from drip.engine.forecast import live_outlook

    turns: dict[SubscriberId, Turn | None] = {}
    start = play.setting.start
    until = start + timedelta(days=play.setting.days)
    with play.store.read() as work:
        live_outlook(work, play.engine.live, start, until, every=play.setting.every, met=turns.__setitem__)
    return turns


def _tell_foresight(call: Call, found: Comparison) -> None:
    """The forecast of `drip plan --days` for the same days, and what came of it."""
    out = call.output
    out.answer(
        f"forecast: {count(found.foreseen, 'mail')} if nobody acts, {found.played:,} sent;"
        f" {found.same:,} of {count(found.people, 'person', 'people')} got just that"
    )
    for reason, number in found.reasons.most_common():
        out.answer(f"  {count(number, 'person', 'people')} otherwise: {one_line(reason)}")


def _copy(project: Project, into: object) -> None:
    """Copy the author's database. `project.store` is not asked: it would make one where there is none yet."""
    from drip.project import has_secret
    from drip.store.store import Store, open_store

    assert isinstance(into, Store)
    store = open_store(project.store_url, root=project.root)
    try:
        if not has_secret(project.root) or not store.is_there():
            raise NotFound("this project has no database yet", hint="leave out `--from-db`")
        store.copy_into(into)
    finally:
        store.close()


def _enter_alone(play: Play) -> None:
    """One reader, who joins at the start, confirms, and from then on only reads."""
    from drip.rehearsal.crowd import Person

    one = Person(1, "ann@example.org", play.definition.timezone, play.dice.about("alone"))
    play.people[one.email] = one
    play.at(play.setting.start, lambda: play.crowd.come(one))


def _repeat(call: Call, play: Play, campaign: str | None, *, from_db: bool, calm: bool) -> str:
    setting = play.setting
    words = ["drip rehearse", *([campaign] if campaign else []), *(["--from-db"] if from_db else [])]
    words += [f"--people {setting.people} --days {setting.days} --seed {setting.seed}"]
    words += [f"--start {rfc3339(setting.start)} --every {int(setting.every.total_seconds()) // 60}m"]
    return " ".join(words + (["--calm"] if calm else []))


def _tell_one(call: Call, play: Play) -> None:
    """A timeline: everything that the journal says of one reader."""
    from zoneinfo import ZoneInfo

    one = next(iter(play.people.values()))
    zone = ZoneInfo(one.zone)
    call.output.answer(f"{one.email} joins, confirms, and only reads ({one.zone})")
    for entry in play.story_of(one):
        said = " ".join(filter(None, (entry.kind.replace("-", " "), entry.subject)))
        why = entry.detail or entry.reason
        call.output.answer(f"  {entry.at.astimezone(zone):%a %d %b %Y %H:%M}  {said}" + (f"  ({why})" if why else ""))
    ended = play.setting.start + timedelta(days=play.setting.days)
    call.output.answer(f"  {ended.astimezone(zone):%a %d %b %Y %H:%M}  the rehearsal ends")


def _tell_many(call: Call, play: Play, summary: Summary) -> None:
    out = call.output
    setting = play.setting
    states = " + ".join(f"{number:,} {name}" for name, number in summary.states.items())
    out.answer(
        f"{count(summary.people, 'person', 'people')}, {count(setting.days, 'day')} from {rfc3339(setting.start)},"
        f" seed {setting.seed}, {count(summary.ticks, 'run')}"
    )
    out.answer(f"{count(summary.planned, 'delivery', 'deliveries')} = {states or '0'}")
    out.answer()
    rows = [
        (
            f"{line.campaign}/{line.step}",
            *(f"{line.ends.get(end, 0):,}" for end in ("sent", "acted", "skipped", "failed", "uncertain")),
            ", ".join(f"{number:,} {reason}" for reason, number in line.skipped.items()),
        )
        for line in summary.steps
    ]
    rows += [(post, f"{number:,}", "", "", "", "", "") for post, number in summary.others.items()]
    out.table(("step", "sent", "acted", "skipped", "failed", "uncertain", "why skipped"), rows, right=range(1, 6))
    out.answer()
    _tell_variants(call, summary)
    _tell_hours(call, summary)
    queue = summary.queue
    if queue.at is not None:
        at = rfc3339(queue.at)
        pace = (
            f", gone in {span_words(queue.drained)} at {queue.pace_per_minute} a minute"
            if queue.pace_per_minute
            else ""
        )
        out.answer(f"longest queue: {count(queue.longest, 'mail')} at {at}{pace}")
    for line, number in summary.refused.items():
        out.answer(f"{number:,} × {line}")
    for line in summary.broken:
        out.answer(f"BROKEN: {line}")
    if not summary.broken_number:
        out.answer("promises: none was broken")


def _tell_variants(call: Call, summary: Summary) -> None:
    """What each variant of each test came to. By chance alone the crowd prefers one: it does not read."""
    from drip.reports.variants import VARIANT_HEADINGS, variant_row

    if not summary.variants:
        return
    call.output.table(VARIANT_HEADINGS, [variant_row(each) for each in summary.variants], right=range(1, 4))
    call.output.answer()


def _tell_hours(call: Call, summary: Summary) -> None:
    """Mails by hour, a column for each weekday, by the project's clock."""
    from drip.rehearsal.summary import WEEKDAYS

    hours = sorted({hour for _, hour in summary.hours})
    rows = [
        (f"{hour:02d}:00", *(f"{summary.hours.get((day, hour), 0) or '':,}" if summary.hours.get((day, hour)) else ""
                             for day in range(7)))
        for hour in hours
    ]  # fmt: skip
    call.output.table(("hour", *WEEKDAYS), rows, right=range(1, 8))
    call.output.answer()


def _document(play: Play, summary: Summary, repeat: str, foresight: Comparison | None) -> dict[str, object]:
    from drip.reports.variants import variant_document

    queue = summary.queue
    document: dict[str, object] = {
        "type": "rehearsal",
        "start": play.setting.start,
        "days": play.setting.days,
        "seed": play.setting.seed,
        "people": summary.people,
        "runs": summary.ticks,
        "planned": summary.planned,
        "states": dict(summary.states),
        "steps": [
            {"campaign": each.campaign, "step": each.step, **each.ends, "why_skipped": dict(each.skipped)}
            for each in summary.steps
        ],
        "posts_without_step": dict(summary.others),
        "variants": [variant_document(each) for each in summary.variants],
        "hours": [{"weekday": day, "hour": hour, "mails": number} for (day, hour), number in summary.hours.items()],
        "queue": {
            "pace_per_minute": queue.pace_per_minute,
            "longest": queue.longest,
            "at": queue.at,
            "seconds": int(queue.drained.total_seconds()),
        },
        "refused": dict(summary.refused),
        "broken": list(summary.broken),
        "broken_number": summary.broken_number,
        "repeat": repeat,
    }
    if foresight is not None:
        document["forecast"] = {
            "people": foresight.people,
            "same": foresight.same,
            "foreseen": foresight.foreseen,
            "played": foresight.played,
            "differences": [
                {
                    "who": each.who,
                    "day": str(each.day),
                    "mail": each.what,
                    "foreseen": each.foreseen,
                    "played": each.played,
                    "because": each.because,
                }
                for each in foresight.differences
            ],
        }
    if play.setting.people == 1:
        document["mails"] = [{"at": each.at, "post": each.delivery.post} for each in play.taken]
    return document
