"""A line of a source made of pieces is traced back to the piece that can be at fault on it."""

from __future__ import annotations

from drip.authoring.flat import Flat, Piece


def test_the_first_line_of_a_post_is_not_blamed_on_the_layout_before_it() -> None:
    layout = Piece("{% if headline %}<h1>x</h1>\n{% endif %}", "templates/letter.html", 31)
    body = Piece("<p>Hi {{ frist_name }},</p>\n<p>Bye</p>", "campaigns/a/post.md", 6)
    flat = Flat([layout, body, Piece("</td>{{ sender }}", "templates/letter.html", 32)])
    assert flat.origin(1) == ("templates/letter.html", 31)
    assert flat.origin(2) == ("campaigns/a/post.md", 6)


def test_a_tag_that_begins_something_is_believed_where_it_stands() -> None:
    flat = Flat([Piece("{% if headlin.x %}", "layout", 3), Piece("<p>plain</p>", "post", 1)])
    assert flat.origin(1) == ("layout", 3)
    flat = Flat([Piece("{%- endif -%}{{ broken }}", "layout", 3), Piece("{{ x }}", "post", 1)])
    assert flat.origin(1) == ("layout", 3)
