"""Every reason that is written down for a person can be explained (promise 4), wherever in drip it is written."""

from __future__ import annotations

import re

from drip.core.reasons import EXPLANATIONS, ReasonName
from tests.stages import HERE

WRITTEN = re.compile(r'reason="([a-z]+(?:-[a-z]+)+)"|(?:DeliveryState\.[A-Z]+|owner), "([a-z]+(?:-[a-z]+)+)"')


def test_every_reason_has_its_paragraph() -> None:
    assert set(EXPLANATIONS) == set(ReasonName)


def test_the_engine_gives_no_reason_that_nobody_can_explain() -> None:
    known = {each.value for each in ReasonName}
    written = {
        name
        for path in sorted((HERE / "drip" / "engine").glob("*.py"))
        for pair in WRITTEN.findall(path.read_text(encoding="utf-8"))
        for name in pair
        if name
    }
    assert written <= known
    assert WRITTEN.findall('work.hold([1], self._owner, "no-such-reason")') == [("", "no-such-reason")]
