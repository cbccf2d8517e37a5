"""Campaigns by dice, and edits of them: every kind of `when`, trigger, goal, stop and condition, hours and closed days,
`late`, `was`, `reopen`, `again`, variants, and sessions all through the winter. Every one of them is whole.

Used by the model (world.py) and by the engine that it is held against (twin.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache

from drip.authoring.definition import read_campaign
from drip.authoring.read_project import draft_project
from drip.core.model import Campaign, ProjectDefinition
from drip.rehearsal.dice import Dice

PROJECT = """\
name: Storm
url: https://mail.example.com
address: Storm LLC, 1 Example Street, New York
from: Ann <ann@example.com>
bounces: bounces@mail.example.com
timezone: America/New_York
lists:
  letter:
    title: The letter
    promise: A letter a week.
    opt-in: confirmed
  news:
    title: The news
    promise: News now and then.
    opt-in: single
fields:
  city: nowhere
relays:
  - folder: outbox
"""
CAMPAIGN = "storm"
SESSIONS = {
    "november": "2026-11-05 12:00",
    "december": "2026-12-12 10:00",
    "february": "2027-02-09 19:00",
    "march": "2027-03-16 12:00",
}
WHENS = (
    "1 day later", "2 days later at 9:30", "90 minutes later", "1 week later at 17:45", "36 hours later",
    "2 days later", "3 days later at 0:15", "20 minutes later", "1 day later at 23:50",
)  # fmt: skip
CONDITIONS = (
    "not tag done", "tag vip", "registered", "on news", "joined within 10 days", "not registered and not on news",
    "field city is Berlin or tag vip", "not clicked p1",
)  # fmt: skip
HOURS = ("", "", "weekdays 8:00-18:00", "weekdays 9:00-12:00", "mon-sat 7:00-22:00", "daily 0:00-24:00")
LATES = ("", "", "", "12 hours", "2 days")
READER = " reader's time"
POSTS = tuple(f"p{number}" for number in range(1, 16))


@dataclass(frozen=True, slots=True)
class Line:
    """One step as it is written."""

    verb: str
    target: str
    when: str
    condition: str = ""
    late: str = ""
    was: tuple[str, ...] = ()
    reopen: bool = False

    def text(self) -> str:
        parts = [f"      - {self.verb}: {self.target}", f"        when: {self.when}"]
        if self.verb == "test":
            parts.insert(1, f"        variants:\n          {self.target}: 1\n          p15: 2")
        parts += [f"        if: {self.condition}"] if self.condition else []
        parts += [f"        late: {self.late}"] if self.late else []
        parts += [f"        was: [{', '.join(self.was)}]"] if self.was else []
        parts += ["        reopen: yes"] if self.reopen else []
        return "\n".join(parts)


@dataclass(frozen=True, slots=True)
class Part:
    """One sequence as it is written."""

    name: str
    start: str
    lines: tuple[Line, ...]
    rest: tuple[tuple[str, str], ...] = ()

    def text(self) -> str:
        head = [f"  {self.name}:", f"    start: {self.start}"]
        head += [f"    {key}: {value}" for key, value in self.rest if value]
        return "\n".join([*head, "    steps:", *(each.text() for each in self.lines)])


@dataclass(frozen=True, slots=True)
class Plot:
    """A campaign as it is written."""

    parts: tuple[Part, ...]
    broadcasts: tuple[tuple[str, str, str, str], ...]
    closed: str = ""
    aliases: int = field(default=0)

    def text(self) -> str:
        sessions = "\n".join(f"    {name}: {wall}" for name, wall in SESSIONS.items())
        webinar = "webinar:\n  title: In the storm\n  length: 60 minutes\n  join: https://meet.example.com/{session}\n"
        closed = f"closed: [{self.closed}]\n" if self.closed else ""
        letters = "".join(
            f"  - send: {post}\n    to: {name}\n    when: {when}\n" + (f"    where: {where}\n" if where else "")
            for post, name, when, where in self.broadcasts
        )
        parts = "\n".join(each.text() for each in self.parts)
        return f"title: Storm\n{closed}{webinar}  sessions:\n{sessions}\nsequences:\n{parts}\nbroadcasts:\n{letters}"


class Author:
    """Writes a plot, and edits it, by dice."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice

    def _one(self, of: tuple[str, ...], *words: object) -> str:
        return of[self._dice.below(len(of), *words)]

    def write(self) -> Plot:
        """The first plot."""
        dice = self._dice
        names = list(POSTS[:14])
        invite = self._steps("invite", names[:5])
        other = self._steps("other", names[5:8])
        nurture = self._steps("nurture", names[8:11])
        tail = (Line("tag", "done", "at once"),) if dice.happens(0.5, "done") else ()
        if dice.happens(0.3, "untag"):
            tail = (*tail, Line("untag", "vip", "1 day later"))
        if dice.happens(0.2, "leave"):
            tail = (*tail, Line("leave", "news", "2 days later"), Line("notify", "left", "at once"))
        goal = self._one(("registers", "registers", "gets tag vip", ""), "goal")
        stop = self._one(("last session starts", "gets tag done", "", "leaves news"), "stop")
        hours = self._one(HOURS, "hours")
        again = self._one(("always", "after 20 days", "never"), "again")
        closed = self._one(("", "2026-12-24..2026-12-26, 2027-01-01", "2026-11-26"), "closed")
        other_start = self._one(("joins news", "gets tag vip", "joins news", "clicks p1"), "other")
        other_goal = self._one(("", "joins news"), "g")
        return Plot(
            (
                Part("invite", "joins letter", invite, (("goal", goal), ("stop", stop), ("hours", hours))),
                Part("other", other_start, (*other, *tail), (("again", again), ("hours", self._one(HOURS, "h2")))),
                Part("nurture", "gets tag done", nurture, (("again", again), ("goal", other_goal))),
                self._remind(),
                self._follow_up(),
            ),
            (
                ("letter-1", "letter", f"2026-11-04 09:00{self._one(('', READER), 'b')}", ""),
                ("letter-2", "news", "2026-12-20 09:00 reader's time", self._one(("", "not tag done"), "where")),
                ("letter-3", "letter", "2027-03-14 02:30 reader's time", "not registered"),
            ),
            closed,
        )

    def _steps(self, name: str, posts: list[str]) -> tuple[Line, ...]:
        dice = self._dice
        chosen = [each for each in posts if dice.happens(0.85, name, each)] or posts[:1]
        lines = []
        for index, post in enumerate(chosen):
            when = self._one(WHENS, name, post, "when")
            if index == 0 and dice.happens(0.8, name, "first"):
                when = "at once"
            condition = self._one(CONDITIONS, name, post, "if") if dice.happens(0.3, name, post, "asks") else ""
            verb = "test" if dice.happens(0.08, name, post, "test") else "send"
            lines.append(Line(verb, post, when, condition, self._one(LATES, name, post, "late")))
        return tuple(lines)

    def _remind(self) -> Part:
        one = self._one
        return Part(
            "remind",
            "registers",
            (
                Line("send", "you-are-in", "at once"),
                Line("send", "day-before", one(("1 day before session", "2 days before session"), "day")),
                Line("send", "soon", one(("1 hour before session", "3 hours before session"), "soon")),
                Line("send", "live", one(("10 minutes before session", "20 minutes before session"), "live")),
            ),
            (("stop", one(("cancels", ""), "cancels")),),
        )

    def _follow_up(self) -> Part:
        one = self._one
        return Part(
            "follow-up",
            "session ends",
            (
                Line("send", "came", one(("2 hours later", "1 day later at 10:00"), "came"), "attended"),
                Line("send", "missed", one(("2 hours later", "3 hours after session"), "missed"), "missed"),
                Line("send", "later", one(("3 hours later", "2 days later"), "later")),
                Line("tag", "vip", "at once", "attended"),
            ),
        )

    def edit(self, plot: Plot, number: int) -> Plot:
        """The plot with one thing, or a few, changed."""
        for turn in range(1 + self._dice.below(3, "turns", number)):
            plot = self._edit(plot, self._dice.about("edit", number, turn))
        return plot

    def _edit(self, plot: Plot, dice: Dice) -> Plot:
        index = dice.below(3, "part")
        part = plot.parts[index]
        lines = list(part.lines)
        at = dice.below(len(lines), "at") if lines else 0
        kind = dice.below(8, "kind")
        lined = [each for one in plot.parts for each in one.lines]
        used = {each.target for each in lined} | {was for each in lined for was in each.was}
        free = [each for each in POSTS[:14] if each not in used]
        if kind in (0, 1) and free:
            new = Line("send", free[dice.below(len(free), "new")], WHENS[dice.below(len(WHENS), "when")],
                       reopen=dice.happens(0.3, "reopen"))  # fmt: skip
            lines.insert(dice.below(len(lines) + 1, "place"), new)
        elif kind == 2 and len(lines) > 1:
            lines.pop(at)
        elif kind == 3 and len(lines) > 1:
            lines.insert(dice.below(len(lines), "to"), lines.pop(at))
        elif kind == 4 and lines[at].verb == "send" and plot.aliases < 6:
            old = lines[at]
            base = old.target.partition("-")[0]
            name = f"{base}-{'bcdefg'[plot.aliases]}"
            lines[at] = replace(old, target=name, was=(*old.was, old.target))
            plot = replace(plot, aliases=plot.aliases + 1)
        elif kind in (5, 6) and lines[at].when != "at once":
            lines[at] = replace(lines[at], when=WHENS[dice.below(len(WHENS), "delay")])
        elif kind == 7:
            hours = HOURS[dice.below(len(HOURS), "hours")]
            rest = dict(part.rest)
            rest["hours"] = hours
            part = replace(part, rest=tuple(rest.items()))
        part = replace(part, lines=tuple(lines))
        return replace(plot, parts=(*plot.parts[:index], part, *plot.parts[index + 1 :]))


def files_of(base: dict[str, str], plot: Plot) -> dict[str, str]:
    """The project's files with this plot and the posts that it names."""
    files = {**base, f"campaigns/{CAMPAIGN}/campaign.yaml": plot.text()}
    posts = {each.target for part in plot.parts for each in part.lines if each.verb in ("send", "test")}
    for post in sorted({*posts, *(each[0] for each in plot.broadcasts), "p1", "p15"}):
        files[f"campaigns/{CAMPAIGN}/{post}.md"] = f"---\nsubject: About {post}\npreview: A word\n---\nHello.\n"
    return files


@lru_cache(maxsize=8)
def definition_of(text: str) -> ProjectDefinition:
    """A drip.yaml, read."""
    return draft_project({"drip.yaml": text}).definition


def campaign_of(project: str, plot: Plot) -> Campaign:
    """The plot as drip reads it."""
    campaign, problems = read_campaign(files_of({"drip.yaml": project}, plot), CAMPAIGN, definition_of(project))
    assert campaign is not None, (plot.text(), problems)
    return campaign
