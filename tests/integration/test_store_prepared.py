"""Prepared statements mean what they say, and their troubles are told like all others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import bindparam, insert, select

from drip.core.records import EnrollmentId, EnrollmentState, LogEntry, SubscriberId
from drip.errors import CannotRecord
from drip.store.columns import Moment
from drip.store.enrollments import ENROLLMENT, due_statement, end_statement
from drip.store.facts import registrations_statement
from drip.store.prepared import Prepared, prepared
from drip.store.schema import enrollment, log
from drip.store.store import Store

NOW = datetime(2026, 12, 1, 9, 30, 7, 123456, tzinfo=UTC)


def test_rows_are_those_that_sqlalchemy_finds(store: Store) -> None:
    with store.write() as work:
        for number in range(3):
            who, _ = work.add_subscriber(f"p{number}@example.com", f"p{number}", NOW, fields={"first_name": "Ünal\0"})
            work.enroll("c", "s", who.id, "first", NOW - timedelta(minutes=number))
        rows = work._all(due_statement(), now=NOW, most=2)
        same = work._connection.execute(due_statement().statement, {"now": NOW, "most": 2}).all()
        assert rows == [tuple(each) for each in same]
        assert [row[ENROLLMENT.index(enrollment.c.state)] for row in rows] == [EnrollmentState.RUNNING] * 2
        assert rows[0][ENROLLMENT.index(enrollment.c.next_due)] == NOW - timedelta(minutes=2)
        found = work.subscriber_by_mailbox("p1")
        assert found is not None
        assert found.fields == {"first_name": "Ünal\ufffd"}  # the type of the column makes it storable, here too


def test_columns_of_one_name_do_not_fall_together(store: Store) -> None:
    statement = registrations_statement(store._postgres)
    with store.read() as work:
        cursor = work._ask(statement.form(work._dialect, {"ids": [1]}), {"ids": [1]})
        assert len(cursor.description) == len(list(statement.statement.exported_columns))  # type: ignore[attr-defined]


@pytest.mark.parametrize("given", [{"number": 1}, {"number": 1, "to": EnrollmentState.DONE, "nonsense": 1}])
def test_parameters_are_all_there_and_no_others(store: Store, given: dict[str, Any]) -> None:
    with store.write() as work, pytest.raises(TypeError, match="missing"):
        work._changed(end_statement(), **given)


def test_values_that_the_statement_says_itself_are_kept(store: Store) -> None:
    written = Prepared(
        insert(log).values(
            at=bindparam("at", type_=Moment()), kind="k", campaign="", subject="s\0", reason="", detail="d"
        )
    )
    with store.write() as work:
        work._many(written, [{"at": NOW}, {"at": NOW + timedelta(hours=1)}])
        assert [(each.at, each.subject) for each in work.entries()] == [
            (NOW, "s\ufffd"),
            (NOW + timedelta(hours=1), "s\ufffd"),
        ]


def test_a_statement_is_written_once() -> None:
    written = []

    @prepared
    def statement(wide: bool) -> Any:
        written.append(wide)
        return select(log.c.id, log.c.at) if wide else select(log.c.id)

    assert statement(True) is statement(True)
    assert statement(False) is not statement(True)
    assert written == [True, False]


def test_what_the_database_refuses_cannot_be_recorded(store: Store) -> None:
    with pytest.raises(CannotRecord), store.read() as work:
        work.log([LogEntry(NOW, "a fact in a reading transaction")])
    with pytest.raises(CannotRecord), store.read() as work:
        work.log([LogEntry(NOW, "two facts"), LogEntry(NOW, "at once")])
    with store.write() as work:
        assert not work.entries()


def test_a_broken_rule_of_the_schema_is_a_bug_and_names_nobody(store: Store) -> None:
    secret = "ann@example.com"
    with pytest.raises(Exception, match=r"(?i)foreign key") as caught, store.write() as work:
        work.enroll(secret, "s", SubscriberId(999), "first", NOW)
    assert not isinstance(caught.value, CannotRecord)
    assert secret not in str(caught.value)
    with store.write() as work:  # and the next transaction begins anew
        assert work.enrollment(EnrollmentId(1)) is None
