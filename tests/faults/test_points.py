"""A death at every point of a run at which something takes effect: each writing statement, each commit, each write to
a socket, one after the other. Between two of them nothing outside the process changes, so these are all the points.

The run that dies does all that a run does: it takes over from a dead one, freezes a broadcast, moves people along,
claims, marks, sends and records. So does the next one, which dies as well; the third has to make all good.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.faults.bench import Sink, add_crowd, make_project, open_sink
from tests.faults.history import judge
from tests.faults.nursery import Nursery

READERS = 3
LANES = 2
POINTS_MIN = 25
EVERY = int(os.environ.get("DRIP_POINTS_EVERY", "3"))
"""Which of the points are tried: 1 is all of them, `make faults` does that."""
EFFECT = re.compile(r"\t(before|after|sql (INSERT|UPDATE|DELETE|WITH|COMMIT|select pg_))", re.IGNORECASE)
"""A `WITH` claims or marks. Commits of readers are among them and cost nothing but time."""


class Stage:
    """One prepared database, and fresh copies of it. On PostgreSQL the copy is a new database from a template."""

    def __init__(self, request: pytest.FixtureRequest, engine: str, folder: Path, sink: Sink) -> None:
        self.sink = sink
        self.project = make_project(folder / "project", sink, lanes=LANES, with_broadcast=True)
        self._server = request.getfixturevalue("postgres_server") if engine == "postgresql" else None
        self._folder = folder
        self._database = ""
        if self._server is not None:
            self._template = self._server.new_database("filled")
            self._first = self._server.url(self._template)
        else:
            self._first = f"sqlite:///{folder / 'first.db'}"
        add_crowd(self.project, self._first, READERS)

    def fresh(self, number: int) -> str:
        """The URL of a database in which nothing was sent yet."""
        if self._server is not None:
            if self._database:
                self._server.drop(self._database)
            self._database = self._server.new_database(self._template)
            return str(self._server.url(self._database))
        copy = self._folder / f"copy-{number}.db"
        shutil.copyfile(self._folder / "first.db", copy)
        return f"sqlite:///{copy}"


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_death_at_any_point_sends_nothing_twice_and_loses_nobody(
    request: pytest.FixtureRequest, engine: str, tmp_path: Path
) -> None:
    with open_sink(tmp_path) as sink:
        stage = Stage(request, engine, tmp_path, sink)
        with Nursery(stage.project, stage.fresh(0)) as nursery:
            seen = tmp_path / "boundaries.txt"
            assert nursery.run(boundaries=seen, journal=tmp_path / "sends-0").wait() == 0
            points = [line for line in seen.read_text(encoding="utf-8").splitlines() if EFFECT.search(line)]
            assert len(points) >= POINTS_MIN * EVERY
            assert sink.count() == 2 * READERS
            for point in points[::EVERY]:
                _die_at(nursery, stage, int(point.split("\t")[0]), point)


def _die_at(nursery: Nursery, stage: Stage, number: int, name: str) -> None:
    store_url, since = stage.fresh(number), stage.sink.size
    journal = stage.project.parent / f"sends-{number}"  # each database has its own

    def run(deadly: int = 0) -> int:
        return nursery.run(deadly=deadly, store_url=store_url, journal=journal).wait()

    died = [run(number), run(1 + number * 7 % 40)]
    last = run()
    judged = judge(stage.project, store_url, stage.sink.log, since=since)
    place = f"death at point {name}, exit codes {died}, {last}"
    assert not judged.faults, place
    assert judged.states["planned"] == 2 * READERS, place
    assert judged.uncertain <= LANES * died.count(-9), place
    assert judged.states["sent"] + judged.uncertain == 2 * READERS, place
