"""The errors drip expects: each carries its name, its exit code and a hint; the docstring is the message.

Anything that is not a `DripError` is a bug and shows its traceback. Faults in the author's files are not
errors but Problems (see `drip.core.problems`). Only `drip.cli.main` turns these into text and exit codes.
"""

from __future__ import annotations

from typing import ClassVar


class DripError(Exception):
    """Something went wrong."""

    name: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1
    default_hint: ClassVar[str] = ""

    def __init__(self, message: str | None = None, *, hint: str | None = None) -> None:
        self.message = message or (self.__doc__ or "").strip().rstrip(".").lower()
        self.hint = self.default_hint if hint is None else hint
        super().__init__(self.message)


class WrongUsage(DripError):
    """These arguments do not fit together."""

    name = "wrong-usage"
    exit_code = 2


class NotFound(DripError):
    """There is nothing of that name."""

    name = "not-found"
    exit_code = 2


class PartlyDone(DripError):
    """Some deliveries failed, were deferred, or are uncertain."""

    name = "partly-done"
    exit_code = 3
    default_hint = "see `drip status` and `drip log`"


class ProblemsFound(DripError):
    """There are problems in your files."""

    name = "problems-found"
    exit_code = 4
    default_hint = "see them with `drip check`; `drip explain NAME` tells more about one"


class ChangesFound(DripError):
    """There are changes that are not applied."""

    name = "changes-found"
    exit_code = 5


class NoProject(DripError):
    """There is no drip.yaml here or in a folder above."""

    name = "no-project"
    exit_code = 10
    default_hint = "make a project with `drip init`, or name its folder with `-C DIR`"


class Locked(DripError):
    """Another process holds the database, and the wait ran out."""

    name = "locked"
    exit_code = 11
    default_hint = "try again; `drip status` shows runs that are at work"


class OldDatabase(DripError):
    """The database is of an older drip and needs an upgrade."""

    name = "old-database"
    exit_code = 12
    default_hint = "back it up, then run `drip db upgrade`"


class NewDatabase(DripError):
    """The database was written by a newer drip."""

    name = "new-database"
    exit_code = 12
    default_hint = "upgrade drip on this machine; a newer database is never opened by an older drip"


class StoreRefused(DripError):
    """This database cannot be used safely."""

    name = "store-refused"
    exit_code = 12


class JournalAhead(StoreRefused):
    """The send journal knows more than the database, which was perhaps restored from a backup."""

    name = "journal-ahead"
    default_hint = (
        "`drip db repair` notes in the database what the journal knows, then `drip run` goes on and nobody gets a mail"
        " twice; if you began a new database on purpose, move the old journal's folder away"
    )


class JournalAwaited(StoreRefused):
    """The send journal of another machine has not been compared yet."""

    name = "journal-awaited"


class RelayUnreachable(DripError):
    """The relay is unreachable or refused the login; nothing was sent."""

    name = "relay-unreachable"
    exit_code = 13
    default_hint = "check `relays:` in drip.yaml; what is due stays due and goes with the next `drip run`"


class QuotaUsed(RelayUnreachable):
    """Today's messages with this relay are used."""

    name = "quota-used"
    exit_code = 0
    default_hint = "what is due stays due and goes on tomorrow"


class QuotaKept(QuotaUsed):
    """What is left of today's messages with this relay is kept for confirmations and reminders."""

    name = "quota-kept"
    default_hint = "what is due stays due and goes on tomorrow; `reserve:` of the relay says how much is kept"


class BadDkimKey(DripError):
    """The DKIM key cannot be used."""

    name = "bad-dkim-key"
    exit_code = 4
    default_hint = (
        "make one with `openssl genrsa -out dkim.pem 2048`, name it in `dkim:`; `drip doctor` shows its record"
    )


class CannotRecord(DripError):
    """What happened could not be recorded, so drip stopped at once."""

    name = "cannot-record"
    exit_code = 75
    default_hint = "mend the database or its disk, then run `drip run` again: nothing is sent twice"


class ClockDoubted(DripError):
    """The clock of this machine cannot be believed."""

    name = "clock-doubted"
    exit_code = 2
    default_hint = "set the clock, or if it is right run `drip run --clock-ok` once; nothing was sent"


class Interrupted(DripError):
    """Interrupted."""

    name = "interrupted"
    exit_code = 130


class Unheard(DripError):
    """The answer could not be written."""

    name = "unheard"
    exit_code = 141
    default_hint = "what was done is done; make room where the output goes, and ask `drip status`"


class TemplateFault(DripError):
    """A post or a layout cannot be filled."""

    name = "template-fault"
    exit_code = 4
    default_hint = "mend the file, then run `drip check`"

    def __init__(self, problem: str | None = None, *, path: str = "", line: int = 0, hint: str | None = None) -> None:
        place = f"{path}:{line}: " if path and line else f"{path}: " if path else ""
        self.problem = problem or (self.__doc__ or "").strip().rstrip(".").lower()
        super().__init__(place + self.problem, hint=hint)
        self.path = path
        self.line = line


class MissingLibrary(DripError):
    """A library that this needs is not installed."""

    name = "missing-library"
    exit_code = 2
    default_hint = "install it with `pip install 'drip[import]'`"


class Unreadable(DripError):
    """This cannot be read."""

    name = "unreadable"
    exit_code = 2


class NotFetched(DripError):
    """This address could not be fetched."""

    name = "not-fetched"
    exit_code = 2
