"""Replies of a relay, whatever the pieces in which they come, and bodies from anywhere made fit for the wire."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drip.mail.answers import LINES_KEPT, LONGEST_REPLY, MOST_REPLIES, Answers, Reply, known_reply
from drip.mail.lane import stuff

LINES = st.sampled_from(
    [
        b"250 ok\r\n",
        b"250 2.1.0 ok\r\n",
        b"354 go on\r\n",
        b"451\r\n",
        b"250-2.0.0 taken\r\n250 2.0.0 as 7\r\n",
        b"550 5.1.1 no\xff\x00such\r\n",
        b"250 only a line feed\n",
        b"250-a\r\n250-b\r\n250 c\r\n",
    ]
)


def read(*pieces: bytes) -> list[Reply]:
    answers = Answers()
    for each in pieces:
        answers.feed(each)
    assert answers.is_between
    return list(answers.whole)


@given(st.lists(LINES, min_size=1, max_size=4), st.lists(st.integers(0, 200), max_size=6))
@example([b"250 ok\r\n", b"250 only a line feed\n", b"250 ok\r\n"], [])
@example([b"250 ok\r\n", b"250-a\r\n250-b\r\n250 c\r\n"], [13])
def test_the_same_replies_in_any_pieces(lines: list[bytes], cuts: list[int]) -> None:
    data = b"".join(lines)
    places = [0, *sorted(min(each, len(data)) for each in cuts), len(data)]
    pieces = [data[begin:end] for begin, end in pairwise(places)]
    assert read(*pieces) == read(data) == read(*(bytes([each]) for each in data))


def test_codes_enhanced_codes_and_the_text_of_all_lines() -> None:
    assert read(b"250-2.0.0 taken\r\n250 2.0.0 as 7\r\n354 go on\r\n") == [
        Reply(250, "2.0.0", "taken as 7"),
        Reply(354, "", "go on"),
    ]


@pytest.mark.parametrize("bad", [b"what?\r\n", b"250-a\r\n550 b\r\n", b"99 no\r\n", b"250ok\r\n", b"\r\n"])
def test_what_is_no_reply_is_said_and_what_came_before_is_kept(bad: bytes) -> None:
    answers = Answers()
    with pytest.raises(ValueError, match="not an SMTP reply"):
        answers.feed(b"250 ok\r\n" + bad)
    assert [each.code for each in answers.whole] == [250]


@pytest.mark.parametrize("endless", [b"250 " + b"x" * LONGEST_REPLY, b"250 ok\r\n" * (MOST_REPLIES + 1)])
def test_a_reply_without_an_end_is_none(endless: bytes) -> None:
    with pytest.raises(ValueError, match="no end"):
        Answers().feed(endless)


def test_only_so_many_lines_are_remembered() -> None:
    for number in range(2 * LINES_KEPT):
        read(b"250 2.0.0 Ok: queued as %d\r\n" % number)
    assert known_reply.cache_info().currsize <= LINES_KEPT


BODIES = st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b".", b"..", b"own it", b"\x0b", b"\x85", b"\xff"])).map(
    b"".join
)


@given(BODIES)
@example(b"")
@example(b"\n.\n")
@example(b".\r.\r\n.\n..")
def test_a_body_for_the_wire_has_whole_line_ends_a_last_one_and_doubled_dots(body: bytes) -> None:
    lines = re.split(rb"\r\n|\r|\n", body)
    if lines[-1] == b"" and len(lines) > 1:
        lines.pop()
    assert stuff(body) == b"".join((b"." if each.startswith(b".") else b"") + each + b"\r\n" for each in lines)
