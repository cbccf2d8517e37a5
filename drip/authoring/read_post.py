"""Reads one post: its front matter by the names of `drip.authoring.keys`, and its text.

Never raises on what an author writes; never reads files. Links, fields and the look of the text are judged by
`drip.authoring.check`. Called for the posts of campaigns and for drip's own posts in templates/mails/.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType

from drip.authoring.front_matter import Head, split_front_matter
from drip.authoring.keys import POST_KEYS, SECRET_WORDS, Form, names_of
from drip.authoring.read_values import Fault, read_language
from drip.authoring.section import Notebook, clip, is_misspelt, similar
from drip.core.model import Post
from drip.core.problems import Place, Problem

POST_NAMES = names_of(POST_KEYS)


@dataclass(frozen=True, slots=True)
class PostDraft:
    """What could be read of a post, with the places of its front matter. `was_read` is False for a file too large."""

    post: Post
    head: Head
    problems: tuple[Problem, ...] = ()
    is_whole: bool = False
    was_read: bool = True

    def place_of(self, name: str) -> Place:
        """Where a value of the front matter stands; the first line if it is not there."""
        return self.head.places.get(name) or Place(self.post.path)

    @property
    def is_draft(self) -> bool:
        """Whether the author says that it must not be sent."""
        return self.head.values.get("draft") == "true"


def read_post(files: Mapping[str, str], path: str) -> tuple[Post | None, list[Problem]]:
    """The post in a file, and every problem of its front matter; None if an error is among them."""
    draft = draft_post(files, path)
    return (draft.post if draft.is_whole else None), list(draft.problems)


def draft_post(files: Mapping[str, str], path: str) -> PostDraft:
    """Read a post as far as possible."""
    name = PurePosixPath(path).stem
    book = Notebook(files)
    text = book.open(path)
    if text is None:
        return PostDraft(Post(name, path, "", "", ""), Head(), tuple(book.problems), was_read=False)
    head, problems = split_front_matter(text, path)
    book.problems += problems
    # A head that could not be read at all has been reported; that nothing was found in it is no news.
    has_head = bool(head.names) or not problems
    if has_head:
        _check_names(book, head)
        _check_values(book, head, path)
    if not head.body.strip() and has_head:
        last = Place(path, max(1, head.body_line - 1), 1, 3)
        book.note("missing-text", "there is no text below the front matter", last, "write what the mail shall say")
    values = head.values
    post = Post(
        name=name,
        path=path,
        subject=values.get("subject", "").strip(),
        preview=values.get("preview", "").strip(),
        body=head.body,
        body_line=head.body_line,
        layout=values.get("layout", "").strip() or None,
        language=values.get("language", "").strip() or None,
        head=MappingProxyType(dict(values)),
    )
    return PostDraft(post, head, tuple(book.problems), not book.has_errors)


def _check_names(book: Notebook, head: Head) -> None:
    """Every name of the front matter must be known."""
    for name, place in head.names.items():
        if name in SECRET_WORDS:
            book.note("secret-in-file", f"`{name}` would put a secret into this file", place, "take the line out")
        elif name not in POST_NAMES:
            message = f"posts have no `{clip(name)}` in their front matter"
            book.note("unknown-key", message, place, similar(name, POST_NAMES, "a key") or "take the line out")


def _check_values(book: Notebook, head: Head, path: str) -> None:
    """The subject must be there, and values must be of their form."""
    unknown = [name for name in head.names if name not in POST_NAMES]
    if "subject" not in head.names and not is_misspelt("subject", unknown):
        title = head.values.get("title", "").strip()
        advice = f"add `subject: {clip(title)}`" if title else "add `subject: …`"
        book.note("missing-subject", "this post has no subject", Place(path, 1, 1, 3), advice)
    elif "subject" in head.names and not head.values.get("subject", "").strip():
        book.note("empty-subject", "the subject of this post is empty", head.names["subject"], "write a few words")
    for key in POST_KEYS:
        value = head.values.get(key.name, "").strip()
        if key.name not in head.places or key.name == "subject":
            continue
        place = head.places[key.name]
        if key.form is Form.CHOICE and value not in key.choices:
            choices = " or ".join(f"`{each}`" for each in key.choices)
            book.note("bad-value", f"`{key.name}` cannot be `{clip(value)}`", place, f"write {choices}")
        elif not value and key.name in ("layout", "language"):
            book.note("empty-value", f"`{key.name}` is empty", head.names[key.name], "take the line out")
        elif key.name == "language":
            try:
                read_language(value)
            except Fault as fault:
                book.note("bad-value", fault.message, place, fault.advice)
