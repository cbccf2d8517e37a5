"""The composition root: finds the project and wires the real clock, chance, disk and relays to the engine.

The only module that reads the clock, makes secrets, looks at the environment or walks the author's files.
Everybody else gets these things as arguments, so that a year can be replayed.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol
from unicodedata import normalize
from urllib.parse import unquote

from drip.core.enclosures import ATTACHED_BYTES_MAX, ATTACHMENT_KINDS, SUFFIX, stored, stored_path
from drip.core.model import Dkim, ProjectDefinition, Relay, RelayKind
from drip.engine.keys import Keys
from drip.errors import DripError, NoProject, ProblemsFound, RelayUnreachable, StoreRefused

if TYPE_CHECKING:
    from drip.engine.engine import Engine
    from drip.mail.dkim import Signer
    from drip.mail.transport import Transport
    from drip.store.glance import Glance
    from drip.store.send_journal import SendJournal
    from drip.store.store import Store
    from drip.store.work import Work

PROJECT_FILE = "drip.yaml"
TEXT_SUFFIXES = frozenset({".yaml", ".yml", ".md", ".html", ".txt", ".css", ".svg"})
FILE_BYTES_MAX = 1_000_000
SECRET_BYTES = 32


class Clock(Protocol):
    """Tells the time: aware, in UTC."""

    def now(self) -> datetime:
        """This moment."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """This moment, in UTC."""
        return datetime.now(UTC)


def find_root(start: Path) -> Path:
    """The nearest folder at or above `start` that holds a drip.yaml. Raises NoProject."""
    here = start.resolve()
    for folder in (here, *here.parents):
        if (folder / PROJECT_FILE).is_file():
            return folder
    raise NoProject(f"there is no {PROJECT_FILE} in {start} or a folder above")


def starter_root() -> Path:
    """Where the worked example lies: inside an installed package, or the top of a checkout."""
    packaged = Path(__file__).parent / "starter"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent


def _read_folder(root: Path, folder: str, files: dict[str, str]) -> None:
    enclosed: list[Path] = []
    for path in sorted((root / folder).rglob("*")):
        name = path.relative_to(root).as_posix()
        hidden = any(part.startswith(".") for part in Path(name).parts)
        if path.suffix.lower() in ATTACHMENT_KINDS and not hidden and path.is_file():
            enclosed.append(path)
        if hidden or path.suffix not in TEXT_SUFFIXES or not path.is_file() or name in files:
            continue
        # A file that is no text at all, or far too long, is shown as it is: the check names it.
        files[name] = path.read_bytes()[: FILE_BYTES_MAX + 1].decode("utf-8-sig", errors="replace")
    for path in enclosed:
        name = stored_path(path.relative_to(root).as_posix(), path.name)
        if name not in files and _is_named_beside(name.removesuffix(SUFFIX), files):
            with path.open("rb") as file:
                files[name] = stored(file.read(ATTACHED_BYTES_MAX + 1))


def _is_named_beside(name: str, files: Mapping[str, str]) -> bool:
    """Whether a post in the same folder speaks of the file. Others are the author's own and stay out of revisions."""
    folder, _, own = name.rpartition("/")
    posts = (text for path, text in files.items() if path.endswith(".md") and path.rpartition("/")[0] == folder)
    # In the address of a picture, blanks and letters outside ASCII may be written as %XX, in any mixture.
    return any(own in normalize("NFC", text) or own in normalize("NFC", unquote(text)) for text in posts)


def read_tree(root: Path) -> dict[str, str]:
    """All text files of a project by their path relative to its root, and the files that its posts bring along.

    Layouts, pages and drip's own posts that the project does not have come from the package.
    """
    files = {PROJECT_FILE: (root / PROJECT_FILE).read_text(encoding="utf-8-sig", errors="replace")}
    _read_folder(root, "campaigns", files)
    _read_folder(root, "templates", files)
    _read_folder(starter_root(), "templates", files)
    return files


def has_secret(root: Path, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the project has its secret yet. Makes none, unlike `read_secret`."""
    return bool(environment.get("DRIP_SECRET")) or (root / ".drip" / "secret").exists()


def read_secret(root: Path, environment: Mapping[str, str] = os.environ) -> bytes:
    """The project's master secret: `DRIP_SECRET`, else `.drip/secret`, which is made at the first need (mode 0600).

    Links and mailbox hashes depend on it: keep it with the database's backup.
    """
    given = environment.get("DRIP_SECRET", "")
    if given:
        if len(given) < 16:
            raise DripError("DRIP_SECRET is shorter than 16 characters", hint="make one with `openssl rand -hex 32`")
        return given.encode()
    path = root / ".drip" / "secret"
    try:
        return bytes.fromhex(path.read_text().strip())
    except FileNotFoundError:
        pass
    except ValueError:
        raise DripError("`.drip/secret` is damaged", hint="restore it from your backup") from None
    path.parent.mkdir(mode=0o700, exist_ok=True)
    # Two first runs at once must agree on one secret: only the one that makes the file writes it.
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return bytes.fromhex(path.read_text().strip())
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(SECRET_BYTES))
        file.flush()
        os.fsync(file.fileno())
    return bytes.fromhex(path.read_text().strip())


def read_password(relay: Relay, root: Path, environment: Mapping[str, str] = os.environ) -> str | None:
    """The relay's password from its file or variable; never from drip.yaml itself."""
    if relay.password_env:
        if relay.password_env not in environment:
            raise RelayUnreachable(f"the variable {relay.password_env} with the relay's password is not set")
        return environment[relay.password_env]
    if relay.password_file:
        try:
            return (root / relay.password_file).read_text().strip()
        except OSError as error:
            raise RelayUnreachable(f"the relay's password file cannot be read: {error.strerror}") from None
    return None


def make_transport(relay: Relay, root: Path) -> Transport:
    """The transport for one relay."""
    if relay.kind is RelayKind.FOLDER:
        from drip.mail.folder import FolderTransport

        return FolderTransport(root / relay.folder)
    from drip.mail.smtp import SmtpTransport

    return SmtpTransport(relay, read_password(relay, root))


def read_signer(dkim: Dkim, root: Path) -> Signer:
    """The signer that drip.yaml asks for. Raises BadDkimKey, MissingLibrary."""
    from drip.errors import BadDkimKey
    from drip.mail.dkim import load_signer

    path = root / dkim.key_file
    try:
        pem = path.read_bytes()
    except OSError as error:
        raise BadDkimKey(f"the DKIM key file `{path}` cannot be read: {error.strerror}") from None
    return load_signer(dkim.domain, dkim.selector, pem)


def _paced(project: Project, relay: Relay) -> Transport:
    """A relay that keeps to the pace which all runs share."""
    from drip.engine.pacing import StoredPurse, terms_of

    transport = make_transport(relay, project.root)
    if not terms_of(relay):
        return transport
    from drip.mail.pace import Paced

    purse = StoredPurse(
        project.store,
        relay,
        project.definition.timezone,
        project.clock.now,
        relays=project.definition.relays,
        planned=project.planned_urgent,
    )
    return Paced(transport, purse, relay.pace_per_minute)


def _transport_of(relays: Sequence[Relay], make: Callable[[Relay], Transport]) -> Transport:
    """One way out of several relays: those with a weight share the messages, the others follow when they are away."""
    if not relays:
        raise RelayUnreachable("drip.yaml names no relay", hint="add one under `relays:`; see `drip help relays`")
    if len(relays) == 1:
        return make(relays[0])
    from drip.mail.failover import Failover
    from drip.mail.sharing import Sharing

    shared = [(partial(make, each), each.weight) for each in relays if each.weight]
    ways: list[Callable[[], Transport]] = [lambda: Sharing(shared)] if shared else []
    return Failover([*ways, *(partial(make, each) for each in relays if not each.weight)])


def make_owner() -> str:
    """A name for one run that no other run has."""
    return secrets.token_hex(8)


class Project:
    """A project that is open: its definition, and store and engine at first use. Use it in a `with`."""

    def __init__(
        self,
        root: Path,
        definition: ProjectDefinition,
        clock: Clock,
        *,
        store_url: str,
        transport: Callable[[], Transport],
    ) -> None:
        self.root = root
        self.definition = definition
        self.clock = clock
        self.store_url = store_url
        self._transport = transport
        self._store: Store | None = None
        self._engine: Engine | None = None
        self._keys: Keys | None = None

    @property
    def keys(self) -> Keys:
        """The project's keys."""
        if self._keys is None:
            self._keys = Keys.from_secret(read_secret(self.root))
        return self._keys

    @property
    def zoom_secret(self) -> str:
        """The secret token of the Zoom app whose webhook comes here: `DRIP_ZOOM_SECRET`. Without it none is taken."""
        return os.environ.get("DRIP_ZOOM_SECRET", "")

    @property
    def store(self) -> Store:
        """The database, made or checked at first use. Raises OldDatabase, NewDatabase, StoreRefused, CannotRecord."""
        if self._store is None:
            from drip.store.store import open_store

            store = open_store(self.store_url, root=self.root)
            store.create_or_check()
            with store.write() as work:
                if not work.secret_matches(self.keys.fingerprint):
                    raise StoreRefused(
                        "the project's secret is not the one this database was made with",
                        hint="restore `.drip/secret` (or DRIP_SECRET) from your backup: with another secret"
                        " everybody would get every mail again",
                    )
            self._store = store
        return self._store

    def glance(self, now: datetime) -> Glance | None:
        """When the next thing is due, if plainly nothing is due now (the run is recorded); None: look properly."""
        if self._store is not None:
            return None
        from drip.store.glance import glance

        return glance(self.store_url, self.root, make_owner(), now)

    @property
    def engine(self) -> Engine:
        """The engine over the store."""
        if self._engine is None:
            from drip.engine.engine import Engine

            self._engine = Engine(
                self.store,
                self.definition,
                self.keys,
                self._transport,
                make_owner,
                journal=self.journal,
                clock=self.clock.now,
            )
        return self._engine

    def planned_urgent(self, work: Work, now: datetime, until: datetime) -> int:
        """How many confirmations and reminders are to go between two moments."""
        from drip.engine.reminding import planned_urgent

        return planned_urgent(work, self.engine.live, now, until)

    @property
    def journal(self) -> SendJournal | None:
        """The send journal: `DRIP_JOURNAL`, else as drip.yaml says, else beside the database. None: it is in memory."""
        from drip.store.send_journal import SendJournal

        store = self.store
        named = os.environ.get("DRIP_JOURNAL") or self.definition.journal
        if store.is_shared:
            folder = self.root / (named or ".drip/sends")
            return SendJournal(folder, f"{socket.gethostname()}:{folder}")
        if store.file is None:
            return None
        return SendJournal(self.root / named if named else store.file.with_name(store.file.name + ".sends"))

    def relay(self) -> Transport:
        """The way out for a message that is no delivery. In test mode it leads to that address alone."""
        from drip.engine.diversion import guarded

        return guarded(self._transport(), self.definition.test_mode)

    def wanted(self) -> dict[str, str]:
        """The author's files as they are on disk now."""
        return read_tree(self.root)

    def close(self) -> None:
        """Close the database."""
        if self._store is not None:
            self._store.close()
            self._store = None
            self._engine = None

    def __enter__(self) -> Project:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_project(
    root: Path,
    *,
    clock: Clock | None = None,
    store_url: str | None = None,
    relay: Relay | None = None,
) -> Project:
    """Open the project at `root`. `store_url` and `relay` replace what drip.yaml says (tests, sandbox).

    Precedence for the store: argument, `DRIP_STORE`, drip.yaml. Raises ProblemsFound when drip.yaml is faulty.
    """
    # Not through `definition`: that brings campaigns and posts along, and an idle run needs none of them.
    from drip.authoring.read_project import draft_project
    from drip.core.problems import Rank

    text = (root / PROJECT_FILE).read_text(encoding="utf-8-sig", errors="replace")
    draft = draft_project({PROJECT_FILE: text})
    errors = [each for each in draft.problems if each.rank is Rank.ERROR]
    definition = draft.definition if draft.is_whole else None
    if definition is None:
        first = f": {errors[0].message}" if errors else ""
        raise ProblemsFound(f"{PROJECT_FILE} has {len(errors)} problem{'s' if len(errors) != 1 else ''}{first}")
    relays = (relay,) if relay is not None else definition.relays

    def transport() -> Transport:
        way = _transport_of(relays, lambda each: _paced(project, each))
        if definition.dkim is None:
            return way
        from drip.mail.dkim import Signing

        return Signing(way, read_signer(definition.dkim, root))

    url = store_url or os.environ.get("DRIP_STORE") or definition.store
    project = Project(root, definition, clock or SystemClock(), store_url=url, transport=transport)
    return project
