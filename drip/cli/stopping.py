"""Ctrl-C and SIGTERM while `drip run` is at work: the messages under way are finished and recorded, then it ends.

A second signal ends it at once, as a first one does where nothing is under way; what was handed over without a
verdict by then is uncertain. Called by `drip.cli.send`.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Catches both signals inside its `with`. `asked` is the one that came, or 0."""

    def __init__(self, ask_to_stop: Callable[[], bool], say: Callable[[str], None]) -> None:
        self._ask_to_stop = ask_to_stop
        self._say = say
        self._before: dict[signal.Signals, Any] = {}
        self.asked = 0

    def __enter__(self) -> Stop:
        if threading.current_thread() is threading.main_thread():  # Python allows it nowhere else
            self._before = {each: signal.signal(each, self._on_signal) for each in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each, before in self._before.items():
            signal.signal(each, before)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        is_second, self.asked = bool(self.asked), number
        if is_second or not self._ask_to_stop():
            raise KeyboardInterrupt
        self._say("finishing the messages under way; once more ends it at once")
