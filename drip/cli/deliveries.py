"""The commands about single deliveries: list, show, resolve, retry, cancel. Called by `drip.cli.main` on demand.

The author decides here what drip never guesses: whether an uncertain message was taken. All ids of one call are
settled in one transaction, or none is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from drip.cli.clicked import click_documents, click_lines
from drip.cli.grammar import EXITS_PROJECT, Call, command, dry_run_option, noun, yes_option
from drip.cli.output import count, one_line
from drip.core.delivery import DeliveryState
from drip.core.reasons import ReasonName
from drip.core.records import Delivery, DeliveryId
from drip.core.when import wall_clock
from drip.errors import NotFound, WrongUsage

if TYPE_CHECKING:
    from drip.project import Project
    from drip.store.results import Attempt
    from drip.store.work import Work

EXITS = (*EXITS_PROJECT, 75, 130)
LIST_MAX = 100
PAGE = 500
UNSETTLED = (DeliveryState.UNCERTAIN, DeliveryState.HELD)

delivery = noun("delivery", "Single deliveries: those that wait for your decision, and any other by its number.")


# --- looking -----------------------------------------------------------------------------------------------


def _address(work: Work, each: Delivery) -> str:
    person = work.subscriber(each.subscriber_id)
    return person.email if person is not None else "(erased)"


def _document(each: Delivery, email: str) -> dict[str, object]:
    return {
        "type": "delivery",
        "id": each.id,
        "email": email,
        "campaign": each.campaign,
        "post": each.post,
        "kind": each.kind.name.lower(),
        "state": each.state.value,
        "reason": each.reason,
        "attempt": each.attempt,
        "due_at": each.due_at,
        "first_marked_at": each.first_marked_at,
        "finished_at": each.finished_at,
    }


def _in_states(work: Work, states: Sequence[DeliveryState], limit: int) -> Iterator[Delivery]:
    left = limit or None
    for state in states:
        after = 0
        while page := work.deliveries_in(state, after_id=after, limit=PAGE if left is None else min(PAGE, left)):
            yield from page
            after = page[-1].id
            left = None if left is None else left - len(page)
            if left == 0:
                return


@command(
    "list",
    examples=(
        ("drip delivery list", "those that wait for your decision: uncertain or held"),
        ("drip delivery list --state failed --json", "all that were refused for good, one JSON line each"),
    ),
    exits=EXITS,
)
@click.option("--state", type=click.Choice([each.value for each in DeliveryState]), help="Those in this state.")
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help=f"At most N; 0 is all. [default: {LIST_MAX}]")
def list_(call: Call, state: str | None, limit: int | None) -> None:
    """List deliveries: without `--state` those that wait for your decision. With `--json` all of them."""
    states = UNSETTLED if state is None else (DeliveryState(state),)
    most = (0 if call.output.json else LIST_MAX) if limit is None else limit
    with call.project() as project, project.store.read() as work:
        counts = work.delivery_counts()
        total = sum(counts[each.value] for each in states)
        found = [(each, _address(work, each)) for each in _in_states(work, states, most)]
    if call.output.json:
        for each, email in found:
            call.output.record(_document(each, email))
        return
    if not found:
        call.output.answer("no delivery waits for your decision" if state is None else f"no delivery is {state}")
        return
    rows = [
        (str(each.id), each.state.value, one_line(email), f"{each.campaign}/{each.post}".lstrip("/"), each.reason)
        for each, email in found
    ]
    call.output.table(("id", "state", "subscriber", "post", "reason"), rows, right=(0,))
    if total > len(found):
        call.output.talk(f"{count(total - len(found), 'delivery', 'deliveries')} more; `--limit 0` lists all")


@command("show", examples=(("drip delivery show 17", "one delivery with every attempt"),), exits=EXITS)
@click.argument("number", metavar="ID", type=click.IntRange(min=1))
def show(call: Call, number: int) -> None:
    """Show one delivery: its state with the reason, what the relay said to every attempt, which links were followed."""
    with call.project() as project, project.store.read() as work:
        (found,) = _wanted(work, (number,))
        email, attempts = _address(work, found), work.attempts(found.id)
        clicks = work.clicks_in(found.id)
    if call.output.json:
        tries = [
            {"number": each.number, "relay": each.relay, "ended_at": each.ended_at, "outcome": each.outcome.kind.value}
            | {"code": each.outcome.code, "text": each.outcome.text}
            for each in attempts
        ]
        call.output.document({**_document(found, email), "attempts": tries, "clicks": click_documents(clicks)})
        return
    lines = _lines(found, email, attempts, project)
    followed = click_lines(clicks, project.definition.timezone, with_post=False)
    call.output.answer("\n".join([*lines, *(["links", *followed] if followed else [])]))


def _lines(found: Delivery, email: str, attempts: Sequence[Attempt], project: Project) -> Iterator[str]:
    zone = project.definition.timezone
    yield f"delivery {found.id}: {f'{found.campaign}/{found.post}'.lstrip('/')} to {one_line(email)}"
    yield f"  {found.state.value}{f' ({found.reason})' if found.reason else ''}, due {wall_clock(found.due_at, zone)}"
    if found.first_marked_at is not None:
        yield f"  first marked as sending {wall_clock(found.first_marked_at, zone)}"
    for each in attempts:
        said = f"{each.outcome.code or ''} {each.outcome.text}".strip()
        at = wall_clock(each.ended_at, zone)
        yield f"  attempt {each.number}  {at}  {each.outcome.kind.value}  {one_line(each.relay)}: {one_line(said)}"
    if found.state is DeliveryState.UNCERTAIN:
        yield "look for it in the relay's log by the recipient and that moment, then"
        yield f"`drip delivery resolve {found.id} --assume-sent`, or `--resend` if the relay never had it"
    elif found.state is DeliveryState.HELD:
        if found.reason == ReasonName.BURST.value:
            yield "it was due with far more others than usual: `drip run --yes` sends them all"
            yield f"or `drip delivery retry {found.id}` this one, or `drip delivery cancel {found.id}`"
        elif found.reason == ReasonName.LATE_ASK.value:
            yield f"it is late: `drip delivery retry {found.id}` sends it all the same"
            yield f"and `drip delivery cancel {found.id}` takes it back"
        else:
            yield f"mend the post and `drip apply`, then `drip delivery retry {found.id}`; or `drip delivery cancel`"


# --- deciding ----------------------------------------------------------------------------------------------


def _wanted(work: Work, numbers: Sequence[int]) -> list[Delivery]:
    found = []
    for number in dict.fromkeys(numbers):
        each = work.delivery(DeliveryId(number))
        if each is None:
            raise NotFound(f"there is no delivery {number}", hint="`drip delivery list` shows those that need you")
        found.append(each)
    return found


def _settle(
    call: Call,
    numbers: Sequence[int],
    take_all: bool,
    states: Sequence[DeliveryState],
    to: DeliveryState,
    *,
    verb: tuple[str, str],
    dry_run: bool,
    yes: bool = True,
) -> None:
    """Settle all that were named, or none. `verb`: as in "would cancel" and "cancelled"."""
    from drip.engine.settling import settle

    if bool(numbers) == take_all:
        raise WrongUsage("name deliveries by their ids, or say `--all`", hint="`drip delivery list` shows the ids")
    kinds = " or ".join(each.value for each in states)
    with call.project() as project:
        with project.store.read() as work:
            found = list(_in_states(work, states, 0)) if take_all else _wanted(work, numbers)
        if take_all:  # a broadcast that was stopped goes on as a whole, by `drip broadcast release`
            found = [each for each in found if each.reason != ReasonName.TOO_MANY_REFUSED.value]
        for each in found:
            if each.state not in states:
                raise WrongUsage(
                    f"delivery {each.id} is {each.state.value}, not {kinds}", hint=f"`drip delivery show {each.id}`"
                )
        said = count(len(found), "delivery", "deliveries")
        if not dry_run and take_all and found and not yes and not call.output.ask(f"{verb[0]} {said}?"):
            call.output.answer("nothing was changed")
            return
        settled = [] if dry_run else found
        with project.store.write() as work:
            for each in settled:
                if not settle(work, each, to, call.now()):
                    raise WrongUsage(f"delivery {each.id} changed meanwhile; nothing was changed", hint="look again")
    if call.output.json:
        ids = [each.id for each in found]
        call.output.document({"type": "delivery-settled", "ids": ids, "state": to.value, "dry_run": dry_run})
    elif not found:
        call.output.answer(f"no delivery is {kinds}; nothing was changed")
    else:
        after = "; the next `drip run` sends" if to is DeliveryState.DUE and not dry_run else ""
        call.output.answer(f"{f'would {verb[0]}' if dry_run else verb[1]} {said}{after}")


numbers_argument = click.argument("numbers", metavar="[ID]...", nargs=-1, type=click.IntRange(min=1))


@command(
    "resolve",
    examples=(
        ("drip delivery resolve 17 --assume-sent", "the relay's log shows that it was taken"),
        ("drip delivery resolve 17 18 --resend", "the relay never had them: send them again"),
        ("drip delivery resolve --all --assume-sent --dry-run", "how many are uncertain"),
    ),
    exits=EXITS,
)
@numbers_argument
@click.option("--all", "take_all", is_flag=True, help="All that are uncertain.")
@click.option("--assume-sent", is_flag=True, help="They count as sent.")
@click.option("--resend", is_flag=True, help="They are due again; who had the first copy gets a second.")
@dry_run_option
@yes_option
def resolve(
    call: Call, numbers: tuple[int, ...], take_all: bool, assume_sent: bool, resend: bool, dry_run: bool, yes: bool
) -> None:
    """Say what became of uncertain deliveries. Look into the relay's log first: drip cannot know."""
    if assume_sent == resend:
        raise WrongUsage("say one of `--assume-sent` and `--resend`", hint="the relay's log knows which is true")
    to, verb = (DeliveryState.SENT, ("call sent", "called sent:"))
    if resend:
        to, verb = DeliveryState.DUE, ("send again", "due again:")
    _settle(call, numbers, take_all, (DeliveryState.UNCERTAIN,), to, verb=verb, dry_run=dry_run, yes=yes)


@command(
    "retry",
    examples=(("drip delivery retry --all", "after `drip apply` with the post mended"),),
    exits=EXITS,
)
@numbers_argument
@click.option("--all", "take_all", is_flag=True, help="All that are held.")
@dry_run_option
def retry(call: Call, numbers: tuple[int, ...], take_all: bool, dry_run: bool) -> None:
    """Let held deliveries go: their message could not be made, or too many were due at once; nothing was sent."""
    states = (DeliveryState.HELD,)
    _settle(call, numbers, take_all, states, DeliveryState.DUE, verb=("retry", "due again:"), dry_run=dry_run)


@command(
    "cancel",
    examples=(("drip delivery cancel 17 --dry-run", "take back one that is due or held"),),
    exits=EXITS,
)
@numbers_argument
@dry_run_option
def cancel(call: Call, numbers: tuple[int, ...], dry_run: bool) -> None:
    """Take back deliveries that are due or held. Their sequence goes on without that post."""
    states = (DeliveryState.DUE, DeliveryState.HELD)
    _settle(call, numbers, False, states, DeliveryState.CANCELLED, verb=("cancel", "cancelled"), dry_run=dry_run)


for each_command in (list_, show, resolve, retry, cancel):
    delivery.add_command(each_command)
