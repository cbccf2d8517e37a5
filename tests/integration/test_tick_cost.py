"""What a tick costs, counted in transactions and statements: seconds would tell more of the machine than of drip."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest

from drip.core.records import EnrollmentState
from drip.simulate import next_moment
from drip.store.store import Store
from tests.stages import Ground, open_ground
from tests.statements import heard

THEIRS = "ann@example.org"


@pytest.fixture
def ground(tmp_path: Path, memory_store: Store) -> Ground:
    return open_ground(tmp_path / "project", memory_store)


@contextmanager
def transactions() -> Iterator[list[str]]:
    """`read` or `write`, for each transaction meanwhile."""
    seen: list[str] = []
    begin = Store._transaction

    def noted(self: Store, *, writes: bool) -> object:
        seen.append("write" if writes else "read")
        return begin(self, writes=writes)

    with mock.patch.object(Store, "_transaction", noted):
        yield seen


def test_nothing_due_is_one_look(ground: Ground) -> None:
    ground.join(THEIRS)
    ground.tick()
    with transactions() as begun, heard(ground.store) as asked:
        ticked = ground.tick()
    assert ticked.sent == 0
    assert begun == ["read"]
    assert len(asked) == 1
    assert ticked.ahead is not None
    assert ticked.ahead.moment == next_moment(ground.engine)
    with heard(ground.store) as asked:
        assert next_moment(ground.engine) is not None
        assert ground.engine.is_idle(ground.clock.now())
    assert len(asked) == 2


def test_one_mail_of_a_sequence_takes_four_writing_transactions_and_two_more_for_what_comes_next(
    ground: Ground,
) -> None:
    """Advance, claim, mark, outcome; then the person is decided anew, and waits for the next step."""
    who = ground.join(THEIRS)
    with transactions() as begun, heard(ground.store) as asked:
        ticked = ground.tick()
    assert ticked.sent == 1
    assert ticked.ahead is not None, "what it saw at its end need not be looked at again"
    assert ticked.ahead.moment == next_moment(ground.engine)
    assert begun.count("write") <= 6
    assert begun.count("read") <= 3  # before all, after the sending, and at the end
    assert len(asked) <= 50
    assert ground.enrollment(who, "invite")[0] is EnrollmentState.RUNNING


def test_many_mails_share_their_transactions_and_statements(ground: Ground) -> None:
    """Forty people at once, three lanes: two claims, and a group commit for each turn of the lanes."""
    for number in range(40):
        ground.join(f"p{number}@example.org")
    with transactions() as begun, heard(ground.store) as asked:
        assert ground.tick().sent == 40
    # Marks share theirs with the outcomes of the messages before, and both with those of the other lanes.
    groups = 40 // ground.transport.lanes + 2
    assert begun.count("write") <= groups + 8, begun.count("write")
    # Two statements plan each mail; moments, steps and facts of all of them come in bulk.
    assert len(asked) <= 40 * 11
