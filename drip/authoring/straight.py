"""Tells whether a template prints what is a reader's own straight, and asks nothing about it.

Such a post has the same page for all readers who share the rest (the list, the sessions, the moment) but for the
printed values themselves, so that the page can be traced once for all of them. The answer errs to the safe side: what
is not known here to be harmless is not straight, and goes the way of all templates. Never runs one. Called by
`drip.authoring.layout`.
"""

from __future__ import annotations

from collections.abc import Iterable

from jinja2 import nodes

LINKS = "links"
LINK = "link"
"""A session's link is the reader's, all else of a session is the same for everybody."""

_TESTS = frozenset({"defined", "undefined", "none"})
_FILTERS = frozenset({"length", "count", "first", "last"})


def fields_printed(
    templates: Iterable[nodes.Template], shared: frozenset[str], lines: frozenset[str]
) -> set[str] | None:
    """The reader's fields that these templates name, or None if they do more than print them.

    `shared` are the names whose values do not depend on the reader, and `lines` the attributes of `post` that do.
    """
    fields: set[str] = set()
    reading = _Reading(shared, lines, fields)
    if all(reading.is_straight(template.body, frozenset()) for template in templates):
        return fields
    return None


class _Reading:
    """`own` are the names that a loop gives to members of what is shared."""

    def __init__(self, shared: frozenset[str], lines: frozenset[str], fields: set[str]) -> None:
        self._shared = shared
        self._lines = lines
        self._fields = fields

    def is_straight(self, body: Iterable[nodes.Node], own: frozenset[str]) -> bool:
        """Whether these statements are."""
        return all(self._statement(node, own) for node in body)

    def _statement(self, node: nodes.Node, own: frozenset[str]) -> bool:
        match node:
            case nodes.Output():
                return all(self._printed(each, own) for each in node.nodes)
            case nodes.If():
                branches = (node.body, node.else_, node.elif_)
                return self._truth(node.test, own) and all(self.is_straight(each, own) for each in branches)
            case nodes.For(target=nodes.Name(), test=None, recursive=False):
                assert isinstance(node.target, nodes.Name)
                within = own | {node.target.name, "loop"}
                return (
                    node.target.name not in (LINKS, "post")
                    and self._is_shared(node.iter, own)
                    and self.is_straight(node.body, within)
                    and self.is_straight(node.else_, own)
                )
            case _:
                return False

    def _printed(self, node: nodes.Node, own: frozenset[str]) -> bool:
        match node:
            case nodes.TemplateData():
                return True
            case nodes.Call(node=nodes.Getattr() as method, args=args, kwargs=[], dyn_args=None, dyn_kwargs=None):
                return self._is_link(method, own) and all(self._is_shared(each, own) for each in args)
            case nodes.Getattr(attr=attr) if attr == LINK:
                return self._is_shared(node.node, own)
            case _:
                return self._is_own(node, own) or self._is_shared(node, own)

    def _truth(self, node: nodes.Node, own: frozenset[str]) -> bool:
        """A condition that has the same answer for all: what is a reader's own is only asked whether it is there."""
        match node:
            case nodes.And() | nodes.Or():
                return self._truth(node.left, own) and self._truth(node.right, own)
            case nodes.Not():
                return self._truth(node.node, own)
            case nodes.Test(name=name, args=[], kwargs=[], dyn_args=None, dyn_kwargs=None) if name in _TESTS:
                return self._is_own(node.node, own) or self._is_shared(node.node, own)
            case _:
                return self._is_own(node, own) or self._is_shared(node, own)

    def _is_own(self, node: nodes.Node, own: frozenset[str]) -> bool:
        """A field, a link, or a line of the post that has fields in it."""
        match node:
            case nodes.Name(name=name, ctx="load") if name not in own | self._shared and name not in (LINKS, "post"):
                self._fields.add(name)
                return True
            case nodes.Getattr(node=nodes.Name(name="post"), attr=attr) if "post" not in own:
                return attr in self._lines
            case nodes.Getattr():
                return self._is_link(node, own)
            case _:
                return False

    def _is_link(self, node: nodes.Node, own: frozenset[str]) -> bool:
        match node:
            case nodes.Getattr(node=nodes.Name(name=name)):
                return name == LINKS and name not in own and name not in self._shared
            case _:
                return False

    def _is_shared(self, node: nodes.Node, own: frozenset[str]) -> bool:
        """An expression of nothing but what is shared."""
        match node:
            case nodes.Const():
                return True
            case nodes.Name(name=name):
                return name in own or name in self._shared
            case nodes.Getattr(node=nodes.Name(name="post"), attr=attr) if "post" not in own:
                return attr not in self._lines
            case nodes.Getattr(attr=attr):
                return attr != LINK and self._is_shared(node.node, own)
            case nodes.Getitem(arg=nodes.Const(value=int())):
                return self._is_shared(node.node, own)
            case nodes.Test(name=name, args=[], kwargs=[], dyn_args=None, dyn_kwargs=None) if name in _TESTS:
                return self._is_shared(node.node, own)
            case nodes.Filter(name=name, args=[], kwargs=[], dyn_args=None, dyn_kwargs=None) if name in _FILTERS:
                return node.node is not None and self._is_shared(node.node, own)
            case nodes.Not():
                return self._is_shared(node.node, own)
            case nodes.And() | nodes.Or():
                return self._is_shared(node.left, own) and self._is_shared(node.right, own)
            case nodes.Compare():
                operands = (node.expr, *(each.expr for each in node.ops))
                return all(self._is_shared(each, own) for each in operands)
            case nodes.CondExpr():
                parts = (node.test, node.expr1, node.expr2)
                return all(each is None or self._is_shared(each, own) for each in parts)
            case _:
                return False
