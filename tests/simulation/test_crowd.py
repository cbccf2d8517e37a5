"""The crowd of a rehearsal does what people do with their seats, and the watch judges them by the seat they have."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from drip.project import open_project, read_tree
from drip.rehearsal.crowd import Habits
from drip.rehearsal.play import Play, Setting
from tests.stages import copy_example

MOVERS = Habits(confirms=1, registers=1, books=1, cancels=0, moves=0.6, attends=1, unsubscribes=0, comes_back=0)


def test_who_moves_is_reminded_of_and_comes_to_the_other_session(tmp_path: Path) -> None:
    folder = copy_example(tmp_path)
    with open_project(folder) as project:
        setting = Setting(
            datetime(2026, 11, 25, 12, 0, tzinfo=UTC), 30, 1, 25, every=timedelta(minutes=30), habits=MOVERS
        )
        play = Play(read_tree(folder), project.definition, setting, names=("six-deadly-mistakes",))
        play.open()
        play.invite()
        play.run()
        moved = [
            one for one in play.people.values() if sum("asks for a seat" in each[2] for each in _deeds(play, one)) > 1
        ]
        assert len(moved) > 3
        assert play.watch.broken == []
        campaign = play.campaigns()["six-deadly-mistakes"]
        assert campaign.webinar is not None
        starts = {each.name: each.starts for each in campaign.webinar.sessions}
        for one in moved:
            joined = [at for at, _, deed in _deeds(play, one) if deed == "joins the session"]
            held = {starts[each] + timedelta(minutes=3) for each in one.seats.values()}
            assert not joined or joined[-1] in held, "never to the one they gave up"


def _deeds(play: Play, who: object) -> list[tuple[datetime, object, str]]:
    return [each for each in play.deeds if each[1] is who]
