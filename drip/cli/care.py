"""The commands of care: db check, upgrade and repair, help, completion. Called by `drip.cli.main` on demand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import click

from drip.cli.grammar import Call, command, context_of, dry_run_option, noun
from drip.cli.names import near_hint
from drip.cli.output import count, one_line
from drip.errors import NotFound

if TYPE_CHECKING:
    from drip.engine.restoring import Repaired

SHELLS = ("bash", "zsh", "fish")
EXITS = (4, 10, 11, 12, 75)

db = noun("db", "The database: check it, upgrade it, repair it after a restore.")


@command("check", examples=(("drip db check", "does it fit this drip?"),), exits=EXITS)
def db_check(call: Call) -> None:
    """Say whether the database can be opened, fits this drip and knows what was sent. A missing one is made."""
    from drip.engine.restoring import refuse_if_ahead

    with call.project() as project:
        journal = project.journal
        if journal is not None:
            refuse_if_ahead(project.store, journal, call.now())
        with project.store.read() as work:
            counts = work.delivery_counts()
        planned = counts.get("planned", 0)
        total = sum(number for name, number in counts.items() if name != "planned")
        if call.output.json:
            call.output.document({"type": "database", "fits": True, "planned": planned, "accounted": total})
        else:
            told = f"{count(planned, 'delivery', 'deliveries')}, each of them in one state"
            call.output.answer(f"the database fits this drip: {told}")


@command("upgrade", examples=(("drip db upgrade", "after you have made a copy of the database"),), exits=EXITS)
def db_upgrade(call: Call) -> None:
    """Bring the database of an older drip up to this one. Forward only: make a copy first."""
    from drip.store.store import open_store

    with call.project() as project:
        store = open_store(project.store_url, root=project.root)
        try:
            names = store.upgrade()
        finally:
            store.close()
    if call.output.json:
        call.output.document({"type": "database-upgraded", "migrations": list(names)})
    elif names:
        call.output.answer("\n".join([f"applied {count(len(names), 'migration')}", *(f"  {each}" for each in names)]))
    else:
        call.output.answer("nothing to upgrade")


@command(
    "repair",
    examples=(
        ("drip db repair --dry-run", "how much did the restored database forget?"),
        ("drip db repair", "note what the send journal knows; then `drip run` goes on"),
        ("drip db repair --without web2:/srv/letter/.drip/sends", "that machine is gone, and its journal with it"),
    ),
    exits=EXITS,
)
@click.option("--without", metavar="PLACE", help="Do not wait for the journal there: it is gone for good.")
@dry_run_option
def db_repair(call: Call, without: str | None, dry_run: bool) -> None:
    """After the database was restored from a backup: note what the send journal knows was sent since.

    What the relay had taken counts as sent; where no outcome was noted it is uncertain. Nobody gets a mail twice.
    What else happened since the backup (subscriptions, unsubscribes) the journal does not know.
    """
    from drip.engine.restoring import repair

    with call.project() as project:
        journal = project.journal
        if without is not None and not dry_run:
            with project.store.write() as work:
                if not work.forget_journal(without):
                    known = [each for each, (_, awaited) in work.journals().items() if awaited]
                    hint = f"awaited: {', '.join(known)}" if known else "none is awaited"
                    raise NotFound(f"no send journal is known at `{one_line(without)}`", hint=hint)
        if journal is None:
            raise NotFound("a database in memory has no send journal")
        done = repair(project.store, journal, call.now(), dry_run=dry_run)
        journal.close()
    awaited = [each for each in done.awaited if each != without]
    if call.output.json:
        numbers = {name: getattr(done, name) for name in ("sent", "uncertain", "failed", "due", "damaged")}
        call.output.document({"type": "database-repaired", **numbers, "awaited": awaited, "dry_run": dry_run})
        return
    call.output.answer("\n".join(_repaired_lines(done, awaited, dry_run)))


def _repaired_lines(done: Repaired, awaited: Sequence[str], dry_run: bool) -> Iterator[str]:
    if not done.total:
        yield "the database knows all that the send journal knows; nothing to repair"
    else:
        parts = [f"{getattr(done, name):,} {name}" for name in ("sent", "uncertain", "failed", "due")]
        told = ", ".join(each for each in parts if not each.startswith("0 "))
        yield f"{'would note' if dry_run else 'noted'} {count(done.total, 'delivery', 'deliveries')}: {told}"
        yield "unsubscribes since the backup are not in the journal: `drip subscriber unsubscribe` whoever you know of"
    if done.damaged:
        yield f"{count(done.damaged, 'line')} of the journal could not be read"
    for each in awaited:
        yield f"next: `drip db repair` for the journal {one_line(each)}, or here with `--without` if it is gone"


db.add_command(db_check)
db.add_command(db_repair)
db.add_command(db_upgrade)


@command(
    "completion",
    examples=(
        ('eval "$(drip completion bash)"', "in ~/.bashrc"),
        ("drip completion fish > ~/.config/fish/completions/drip.fish", "for fish, once"),
    ),
)
@click.argument("shell", type=click.Choice(SHELLS))
def completion(call: Call, shell: str) -> None:
    """Print the lines that teach your shell drip's commands, and your campaigns and posts."""
    from click.shell_completion import get_completion_class

    from drip.cli.main import COMPLETE_VARIABLE, cli

    found = get_completion_class(shell)
    assert found is not None, "click knows the three"
    made = found(cli, {}, "drip", COMPLETE_VARIABLE)
    # Not `source()`: for bash that starts a bash to ask its version, which is none of our business.
    call.output.raw(made.source_template % made.source_vars())


# --- help --------------------------------------------------------------------------------------------------

TOPICS = MappingProxyType(
    {
        "addresses": (
            "A campaign is named by its folder (`six-deadly-mistakes`), a post by campaign and file\n"
            "(`six-deadly-mistakes/last-seats`), or by the file alone where that is clear. A path works too, and `.`\n"
            "in a campaign's folder."
        ),
        "when": (
            "when: at once\n"
            "      N minutes|hours|days|weeks later [at H:MM]   counted from what really happened last\n"
            "      N ... before session | N ... after session\n"
            "      YYYY-MM-DD H:MM [reader's time]              for broadcasts\n\n"
            "Days and weeks are calendar days where the reader lives; hours and minutes are elapsed time.\n"
            "`hours: weekdays 8:00-18:00` of a sequence holds its posts back until it is open; `at once` ignores it."
        ),
        "triggers": (
            "start, goal, stop: joins LIST, leaves LIST, gets tag T, registers, cancels, session ends,\n"
            "last session starts, clicks POST. A goal completes a sequence for a reader, a stop abandons it."
        ),
        "conditions": (
            "if, where: attended, missed, registered, tag T, field F is V, on LIST, clicked POST,\n"
            "joined within 30 days; joined by `and`, `or`, `not` and parentheses."
        ),
        "links": (
            "Links in Markdown with a named address: webinar:, session:NAME, join:, calendar:, cancel:, unsubscribe:,\n"
            "preferences:, browser:, post:NAME. A bold link alone in its paragraph is a button:\n"
            "**[Register for the session of your choice](webinar:)**"
        ),
        "fields": (
            "{{ first_name }} prints a field of the reader. `fields:` in drip.yaml names them, each with what to\n"
            "print when it is not known. In posts about a webinar there are {{ webinar.title }}, {{ session.day }},\n"
            "{{ session.time }} and {{ sessions }}, all in the reader's own time."
        ),
        "relays": (
            "relays:\n"
            "  - server: smtp.example.net:587   # STARTTLS is required; on 465 TLS from the start\n"
            "    user: lisa\n"
            "    password-file: secrets/smtp    # or password-env: SMTP_PASSWORD; never the password itself\n"
            "    pace: 120 a minute             # all runs and machines together\n"
            "    quota: 5000 a day              # by the project's clock; the rest goes on the next day\n"
            "    reserve: 10 %                  # of that day for confirmations and reminders alone\n"
            "    warm-up: 50 a day, doubling    # a new sending address: 50 on its first day, then 100, 200 ...\n"
            "    weight: 3                      # relays with a weight share; the others follow when they are away\n\n"
            "  - folder: outbox                 # .eml files to look at, nothing leaves the machine\n\n"
            "pace:\n"
            "  gmail.com: 20 a minute           # beside `relays:`: how fast readers of one domain are mailed"
        ),
        "cron": (
            "* * * * * cd my-letter && drip run -q\n\n"
            "Runs may overlap and may be killed: nobody gets a post twice. `drip status --max-age 1h`\n"
            "tells monitoring when cron has stopped."
        ),
        "states": (
            "A delivery is due, claimed, sending, and then sent, bounced, failed, uncertain, skipped, held, cancelled\n"
            "or expired. sent: the relay took it. uncertain: it was handed over and no answer came; it is never\n"
            "resent by itself. `drip status` counts them all, and they always add up to what was planned."
        ),
        "exit-codes": "",
    }
)


def _exit_codes() -> str:
    from drip.cli.grammar import EXIT_MEANINGS

    return "\n".join(f"{code:>3}  {meaning}" for code, meaning in EXIT_MEANINGS.items())


@command(
    "help",
    examples=(
        ("drip help", "all commands and topics"),
        ("drip help subscriber add", "one command"),
        ("drip help when", "one topic"),
    ),
)
@click.argument("topic", nargs=-1)
def help_(call: Call, topic: tuple[str, ...]) -> None:
    """Print the help of a command, or a page about a topic."""
    from drip.cli.main import cli

    context = context_of(cli, "drip")
    if len(topic) == 1 and topic[0] in TOPICS:
        call.output.answer(TOPICS[topic[0]] or _exit_codes())
        return
    found: click.Command = cli
    for name in topic:
        inner = found.get_command(context, name) if isinstance(found, click.Group) else None
        if inner is None:
            known = [*TOPICS, *cli.list_commands(context)]
            raise NotFound(f"there is no help on `{one_line(' '.join(topic))}`", hint=near_hint(topic[-1], known))
        context = context_of(inner, name, context)
        found = inner
    call.output.answer(found.get_help(context))
    if not topic:
        call.output.answer(f"\nTopics of `drip help TOPIC`:\n  {', '.join(TOPICS)}")
