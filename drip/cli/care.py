"""The commands of care: db check and upgrade, help, completion. Called by `drip.cli.main` on demand."""

from __future__ import annotations

from types import MappingProxyType

import click

from drip.cli.grammar import Call, command, context_of, noun
from drip.cli.names import near_hint
from drip.cli.output import count, one_line
from drip.errors import NotFound

SHELLS = ("bash", "zsh", "fish")
EXITS = (4, 10, 11, 12, 75)

db = noun("db", "The database: check it, upgrade it.")


@command("check", examples=(("drip db check", "does it fit this drip?"),), exits=EXITS)
def db_check(call: Call) -> None:
    """Say whether the database can be opened and fits this drip. A missing one is made."""
    with call.project() as project:
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


db.add_command(db_check)
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
            "    pace: 120 a minute\n\n"
            "  - folder: outbox                 # .eml files to look at, nothing leaves the machine"
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
