"""Compiles posts: Markdown into its layout, once; then fills in one reader's values, as often as there are readers.

Strings in, strings out: reads no disk, opens no socket. Subject and preview are small templates of their own. The
fast path goes through the shape cache; the slow path runs Jinja and the inliner for one reader, and is what the fast
path must equal to the byte. Called by the engine, the preview, and the benchmarks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from threading import RLock
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateSyntaxError, nodes
from markupsafe import escape

from drip.authoring.brand import settled
from drip.authoring.enclosures import attachments, take_images
from drip.authoring.environment import Sandbox
from drip.authoring.escaping import Odd, Trust, guard_addresses
from drip.authoring.flat import Flat, Piece
from drip.authoring.inline import DEFAULT, INLINERS
from drip.authoring.markdown import SESSIONS_WORD, Protected, count_links, protect, read, to_html
from drip.authoring.plaintext import PlainText
from drip.authoring.shapes import Fixed, Mark, Shapes, TooLarge, Unshaped, page_shapes, text_shapes
from drip.authoring.straight import fields_printed
from drip.authoring.template import UNREADABLE, PostTemplate, unreadable
from drip.authoring.tracing import Line, Printed, Trace, one_line
from drip.authoring.views import PostView, SharedWords, views_of
from drip.core.message import Filled, FilledPost, Shape
from drip.core.model import Post, ProjectDefinition
from drip.errors import TemplateFault

if TYPE_CHECKING:
    from markdown_it.token import Token

PREHEADER = 200
"""Characters after which no mail program shows more of the text beside the subject; the rest is padded."""

RIGHT_TO_LEFT = frozenset({"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})

OFFERED = frozenset({"list", "webinar", "session", "sessions"})
"""Names that posts are given besides fields and links: the same for all readers of a list, zone and session."""

OWN_MAILS = "templates/mails/"
"""Where the posts are that drip sends by itself."""

_SLOT = re.compile(r"\{\{-?\s*(body|css|head_styles)\s*-?\}\}")
_EXPRESSION = re.compile(r"\{\{ *([a-z_]+(?:\.[a-z_]+)?) *\}\}")
_LINES = frozenset({"subject", "preview"})
_STYLE_BREAK = re.compile(r"^/\*\s*-{3,}.*?\*/[ \t]*$", re.MULTILINE)


# --- the press ---------------------------------------------------------------------------------------------


class Press:
    """Compiles the posts of one revision. `files` are its files, by their paths in the project; the links of posts that
    are `counted` may lead by way of our site."""

    def __init__(
        self,
        files: Mapping[str, str],
        project: ProjectDefinition,
        *,
        inliner: str = DEFAULT,
        counted: frozenset[str] = frozenset(),
    ) -> None:
        self._files = files
        self.counted = counted
        self._inliner = INLINERS[inliner]
        self._compiled: dict[str, CompiledPost] = {}
        self._names_taken: dict[str, frozenset[str]] = {}
        self.lock = RLock()
        self.page = Sandbox(files, markup=True)
        self.plain = Sandbox(files, markup=False)
        self.layout = project.layout
        self.brand = project.brand
        self.language = project.language
        self.values: Mapping[str, object] = MappingProxyType(views_of(project))
        self.shared = SharedWords()

    def compile(self, post: Post) -> CompiledPost:
        """The post, ready for readers. Raises TemplateFault when it cannot be."""
        with self.lock:
            compiled = self._compiled.get(post.path or post.name)
            if compiled is None or (compiled.post is not post and compiled.post != post):
                compiled = CompiledPost(self, post, self._inliner)
                self._compiled[post.path or post.name] = compiled
            return compiled

    def names_taken(self, path: str, source: str) -> frozenset[str]:
        """The names that a layout gives a meaning of its own, as in `{% for project in projects %}`.

        Each layout is read once, for all of its posts. Raises what Jinja raises.
        """
        taken = self._names_taken.get(path)
        if taken is None:
            names = self.page.parse(source).find_all(nodes.Name)
            taken = self._names_taken[path] = frozenset(name.name for name in names if name.ctx != "load")
        return taken

    def included(self) -> Iterable[str]:
        """The texts of all files that a template may include."""
        return (text for path, text in self._files.items() if path.startswith("templates/"))

    @property
    def files(self) -> Mapping[str, str]:
        """All files of the revision."""
        return self._files

    def file(self, path: str) -> str | None:
        """A file of the revision."""
        return self._files.get(path)


class CompiledPost:
    """One post in its layout. `premailer_calls` counts inliner calls made by `fill`, `shapes` the distinct pages.

    `slow_because` says why every reader's page is made the slow way, or is empty.
    """

    def __init__(self, press: Press, post: Post, inliner: Callable[[str], str]) -> None:
        self.post = post
        self.premailer_calls = 0
        self.slow_fills = 0
        self._press = press
        self._inliner = inliner
        sources = _Sources(press, post)
        self._subject, self._preview = sources.subject, sources.preview
        self._names = {**press.page.globals, "list": None}
        self._values = sources.values
        self.images, self.attachments = sources.images, attachments(post, press.files)
        html, text = sources.html.flat.source, sources.text.flat.source
        self._trust = Trust.of(html, *press.included())
        mark = self._mark = Mark([html, text, *press.included()])
        self._page = _Part(sources.html, mark, page_shapes(mark, self._count_and_inline, self._trust))
        self._page.slow_because = sources.html.leak
        # Told apart from the page: for a text the slow way is nearly as fast.
        self._text = _Part(sources.text, mark, text_shapes(mark))
        self._text.slow_because = sources.text.leak

    @property
    def slow_because(self) -> str:
        """Why every page is made the slow way, or nothing."""
        return self._page.slow_because

    @property
    def shapes(self) -> int:
        """How many distinct pages were made; a page made for one reader alone counts too."""
        return self._page.shapes.made + self.slow_fills

    @property
    def is_wasteful(self) -> bool:
        """Whether nearly every reader gets a page of a new shape, so that the cache does not help."""
        filled = self._page.shapes.filled
        return filled >= 100 and self.shapes * 2 > filled

    def fill(self, values: Mapping[str, object]) -> FilledPost:
        """The post for one reader. Raises TemplateFault."""
        with self._press.lock:
            everything, subject, preview = self._everything(values)
            html = self._page.fill(everything)
            if html is None:
                self.slow_fills += 1
                page = self._finish(self._page.template.print(everything), self._count_and_inline)
                html = Filled(Shape((page,)), ())
            text = self._text.fill(everything)
            if text is None:
                text = Filled(Shape((self._text.template.print(everything),)), ())
        return FilledPost(subject, preview, html, text, self.images, self.attachments)

    def fill_slowly(self, values: Mapping[str, object]) -> tuple[str, str, str, str]:
        """Subject, preview, page and text for one reader, by Jinja and the inliner and nothing else."""
        with self._press.lock:
            everything, subject, preview = self._everything(values)
            html, text = self._page.template.print(everything), self._text.template.print(everything)
            return subject, preview, self._finish(html, self._inline), text

    @cached_property
    def fields(self) -> frozenset[str] | None:
        """The reader's fields in this post, or None if it does more than print them; see `drip.authoring.straight`."""
        lines = {"subject": self._subject, "preview": self._preview}
        personal = frozenset(name for name, line in lines.items() if line.fixed is None)
        sources = [self._page.template, self._text.template, *(lines[name] for name in personal)]
        shared = frozenset(self._values) | OFFERED
        trees = [self._press.page.parse(each.flat.source) for each in sources]
        fields = fields_printed(trees, shared, personal)
        # Names of Jinja's own, such as `range`, are no fields.
        return None if fields is None or not fields.isdisjoint(self._press.page.globals) else frozenset(fields)

    def trace(self, values: Mapping[str, object]) -> Trace | None:
        """What is printed of these values, and where; None where a page of its own is made for them.

        The values stand for those of other readers, so they must be printable and not blank.
        """
        with self._press.lock:
            everything = self._everyones(values)
            try:
                subject, preview = (self._trace_line(each, everything) for each in (self._subject, self._preview))
                everything["post"] = self._post_view(subject.whole, preview.whole)
                page, text = self._page.trace(everything), self._text.trace(everything)
            except (Odd, Unshaped, TooLarge):
                return None
        return Trace(subject, preview, page, text) if page is not None and text is not None else None

    def _trace_line(self, line: PostTemplate, everything: dict[str, Any]) -> Line:
        if line.fixed is not None:
            return Line((line.fixed,), (), one_line(line.fixed))
        chunks, values = line.record(self._mark, everything)
        parts = tuple(self._mark.pattern.split("".join(chunks))[::2])
        if len(parts) != len(values) + 1:
            raise Odd  # the author wrote something that looks like a token
        made = Line(parts, values, "")
        return replace(made, whole=made.of(values))

    def count_filled(self) -> None:
        """Take note of a reader whose page was filled from a trace."""
        self._page.shapes.filled += 1

    def verify(self, values: Mapping[str, object]) -> bool:
        """Whether both ways agree for this reader; if not, everybody goes the slow way from now on."""
        with self._press.lock:
            filled = self.fill(values)
            agrees = (filled.subject, filled.preview, filled.html.text(), filled.text.text()) == self.fill_slowly(
                values
            )
            if not agrees:
                self._page.slow_because = self._text.slow_because = "the fast way differed from the slow one"
            return agrees

    def _everything(self, values: Mapping[str, object]) -> tuple[dict[str, Any], str, str]:
        everything = self._everyones(values)
        subject = one_line(self._subject.print(everything))
        preview = one_line(self._preview.print(everything))
        everything["post"] = self._post_view(subject, preview)
        return everything, subject, preview

    def _everyones(self, values: Mapping[str, object]) -> dict[str, Any]:
        # What is the same for everybody wins: it is part of the shape, and costs nothing per reader.
        everything = {**self._names, **values, **self._values}
        self._press.shared.share(everything)
        return everything

    def _post_view(self, subject: str, preview: str) -> PostView:
        return PostView(Fixed(self.post.name), subject, preview, self.post.path.startswith(OWN_MAILS))

    def _finish(self, page: str, inliner: Callable[[str], str]) -> str:
        return inliner(guard_addresses(page, self._trust))

    def _inline(self, page: str) -> str:
        try:
            return self._inliner(page)
        # Inliners meet rules they cannot read in many ways (premailer: AttributeError for a nested @media).
        except Exception as error:
            path = f"templates/{self.post.layout or self._press.layout}.css"
            raise TemplateFault(
                f"these styles cannot be inlined ({type(error).__name__}: {error})",
                path=path,
                hint="keep plain rules in this file; @media and the like belong in the -head.css beside it",
            ) from error

    def _count_and_inline(self, page: str) -> str:
        self.premailer_calls += 1
        return self._inline(page)


# --- the parts of a post --------------------------------------------------------------------------------------


class _Part:
    """The page or the text of a post: its template, its shapes, and whether the cache can be used for it."""

    def __init__(self, template: PostTemplate, mark: Mark, shapes: Shapes) -> None:
        self.template = template
        self.shapes = shapes
        self.slow_because = ""
        self._mark = mark

    def fill(self, values: dict[str, Any]) -> Filled | None:
        """The part for one reader, or None when it must be made the slow way."""
        if self.slow_because:
            return None
        try:
            return self.shapes.fill(*self.template.record(self._mark, values))
        except Odd:
            return None  # a value that looks like our own token, or breaks the page: this reader alone goes slowly
        except Unshaped as unshaped:
            self.slow_because = str(unshaped)
            return None
        except TooLarge as error:
            self.template.print(values)  # fails where it grows, and so has the line
            raise self.template.fault(error) from error

    def trace(self, values: dict[str, Any]) -> Printed | None:
        """What is printed of these values, or None if they make a page of their own. Raises as shapes do."""
        return None if self.slow_because else self.shapes.trace(*self.template.record(self._mark, values))


class _Sources:
    """The four templates of a post, and what is known about it before any reader."""

    def __init__(self, press: Press, post: Post) -> None:
        self._press = press
        self._post = post
        self._name = post.layout or press.layout
        with self._readable(post.path, post.body_line):
            press.page.parse(post.body)
        protected = protect(post.body, press.page)
        tokens = read(protected)
        self.images = take_images(tokens, post, press.files)
        text = PlainText(protected.tag, protected.pattern).write(tokens)
        if post.name in press.counted and not post.path.startswith(OWN_MAILS):
            # Behind the text, which shows addresses and keeps them as they are.
            count_links(tokens, protected)
        html = to_html(tokens)
        self.subject = self._line(post.subject)
        self.preview = self._line(post.preview)
        self.values = self._known(tokens)
        known = {**self.values, "post": self._known_of_post()}
        self.html = PostTemplate(press.page, Flat(self._pieces("html", html, protected)), known)
        self.text = PostTemplate(press.plain, Flat(self._pieces("txt", text, protected)), known)

    def _known_of_post(self) -> object:
        lines = {"subject": self.subject.fixed, "preview": self.preview.fixed}
        known = {name: Fixed(one_line(text)) for name, text in lines.items() if text is not None}
        return SimpleNamespace(own=self._post.path.startswith(OWN_MAILS), **known)

    def _known(self, tokens: list[Token]) -> Mapping[str, object]:
        language = self._post.language or self._press.language
        if not re.fullmatch("[A-Za-z0-9-]+", language):
            raise TemplateFault(f"`{language}` is no language tag such as `en` or `pt-BR`", path=self._post.path)
        rtl = language.split("-")[0].lower() in RIGHT_TO_LEFT
        return {
            **self._press.values,
            "lang": Fixed(language),
            "dir": Fixed("rtl" if rtl else "ltr"),
            # For layouts that begin with a picture.
            "image": Fixed(self._post.head.get("image", "")),
            "image_alt": Fixed(self._post.head.get("image-alt", "")),
            # A post with a heading of the first level brings its own title.
            "headline": not any(token.type == "heading_open" and token.tag == "h1" for token in tokens),
            # Figure space and combining grapheme joiner: blank everywhere, shown as nothing anywhere.
            "padding": Fixed("\u2007\u034f" * max(0, PREHEADER - len(self._post.preview))),
        }

    def _line(self, text: str) -> PostTemplate:
        try:
            return PostTemplate(self._press.plain, Flat([Piece(text, self._post.path, 0)]))
        except TemplateFault as fault:
            raise TemplateFault(f"in `{text}`: {fault.problem}", path=self._post.path, hint=fault.hint) from fault

    @contextmanager
    def _readable(self, path: str, first_line: int = 1) -> Iterator[None]:
        """Around the reading of a file by itself, so that a fault has its own line and not that of the whole."""
        try:
            yield
        except TemplateSyntaxError as error:
            raise TemplateFault(error.message, path=path, line=first_line + error.lineno - 1) from error
        except UNREADABLE as error:
            raise unreadable(error, path, first_line) from error

    def _pieces(self, kind: str, body: str, protected: Protected) -> Iterable[Piece]:
        """The layout with the post in it, and the style sheets."""
        path = f"templates/{self._name}.{kind}"
        source = self._press.file(path)
        if source is None:
            raise TemplateFault(
                f"there is no layout `{self._name}`", path=path, hint="write that file, or change `layout:`"
            )
        with self._readable(path):
            taken = self._press.names_taken(path, source)
        slots = list(_SLOT.finditer(source))
        if [slot[1] for slot in slots].count("body") != 1:
            raise TemplateFault("a layout needs `{{ body }}` exactly once", path=path)
        at = 0
        for slot in slots:
            piece = Piece(source[at : slot.start()], path, 1 + source.count("\n", 0, at))
            yield from self._settled(piece, kind, taken)
            yield from self._slot(slot[1], kind, body, protected)
            at = slot.end()
        yield from self._settled(Piece(source[at:], path, 1 + source.count("\n", 0, at)), kind, taken)

    def _settled(self, piece: Piece, kind: str, taken: frozenset[str]) -> Iterable[Piece]:
        """The piece with every `{{ name }}` printed now that is known before any reader: it then costs nothing."""
        at = 0
        text = piece.text
        for match in _EXPRESSION.finditer(text):
            known = None if match[1].partition(".")[0] in taken else self._settled_value(match[1])
            if known is not None:
                yield Piece(text[at : match.start()], piece.path, piece.line + text.count("\n", 0, at))
                printed = str(escape(known)) if kind == "html" else known
                yield Piece(printed, piece.path, piece.line + text.count("\n", 0, match.start()), is_template=False)
                at = match.end()
        yield Piece(text[at:], piece.path, piece.line + text.count("\n", 0, at))

    def _settled_value(self, expression: str) -> str | None:
        name, _, attribute = expression.partition(".")
        if name == "post":
            return {"subject": self.subject, "preview": self.preview}[attribute].fixed if attribute in _LINES else None
        value = self.values.get(name)
        if attribute:
            value = getattr(value, attribute, None)
        return str(value) if isinstance(value, Fixed) else None

    def _slot(self, name: str, kind: str, body: str, protected: Protected) -> Iterable[Piece]:
        if name == "css":
            path = f"templates/{self._name}.css"
            yield Piece(self._styles(path), path, 1, is_template=False)
        elif name == "head_styles":
            yield self._head_styles()
        else:
            origin = (self._post.path, self._post.body_line)
            first, *rest = body.split(SESSIONS_WORD)
            yield from protected.pieces(first, *origin)
            for part in rest:
                yield self._part(f"templates/parts/sessions.{kind}")
                yield from protected.pieces(part, *origin)

    def _styles(self, path: str) -> str:
        return settled(self._press.file(path) or "", self._press.brand)

    def _head_styles(self) -> Piece:
        """Each section of the head sheet in its own element: Gmail drops a whole one for a rule it cannot read."""
        path = f"templates/{self._name}-head.css"
        sections = (text.strip() for text in _STYLE_BREAK.split(self._styles(path)))
        elements = (f'<style data-premailer="ignore">\n{text}\n</style>\n' for text in sections if text)
        return Piece("".join(elements), path, 1, is_template=False)

    def _part(self, path: str) -> Piece:
        source = self._press.file(path)
        if source is None:
            raise TemplateFault("`{{ sessions }}` needs this file", path=path)
        with self._readable(path):
            self._press.page.parse(source)
        return Piece(source.rstrip("\n"), path, 1)
