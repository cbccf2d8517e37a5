"""Decides now what is the same for every reader: `{% if post.own %}` costs nothing if the post is known.

Works on Jinja's tree before it is compiled: a condition of fixed words is answered, the branch not taken is dropped,
and text that then stands side by side is printed as one piece. Only what cannot be told apart from asking each time is
folded: a name that the template gives to something of its own is left alone. Called by `drip.authoring.environment`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import nodes

from drip.authoring.shapes import Fixed

_COMPARISONS = {"eq": True, "ne": False}


class _Unknown(Exception):
    """Only a reader can tell."""


def fold(template: nodes.Template, known: Mapping[str, object]) -> nodes.Template:
    """The tree without the conditions that `known` answers."""
    # An import or a macro can bring names that the tree does not show.
    if not known or any(template.find_all((nodes.Import, nodes.FromImport, nodes.Macro, nodes.CallBlock))):
        return template
    taken = {name.name for name in template.find_all(nodes.Name) if name.ctx != "load"}
    _Folder({name: value for name, value in known.items() if name not in taken}).visit(template)
    return template


class _Folder:
    def __init__(self, known: Mapping[str, object]) -> None:
        self._known = known

    def visit(self, node: nodes.Node) -> None:
        """Folds all lists of statements in this node and below."""
        for name in ("body", "else_"):
            body = getattr(node, name, None)
            if isinstance(body, list):
                setattr(node, name, self._joined(self._folded(body)))
        for each in getattr(node, "elif_", ()):
            self.visit(each)

    def _folded(self, body: list[nodes.Node]) -> list[nodes.Node]:
        done: list[nodes.Node] = []
        for node in body:
            # A block is known by its name wherever it stands, so none may get lost.
            if isinstance(node, nodes.If) and not any(node.find_all(nodes.Block)):
                done += self._branch(node)
            else:
                self.visit(node)
                done.append(node)
        return done

    def _branch(self, node: nodes.If) -> list[nodes.Node]:
        assert isinstance(node.test, nodes.Expr)
        node.test = self._rest(node.test)
        try:
            answer = bool(self._value(node.test))
        except _Unknown:
            self.visit(node)
            return [node]
        if answer:
            return self._folded(node.body)
        if node.elif_:
            first, *rest = node.elif_
            return self._branch(nodes.If(first.test, first.body, rest, node.else_, lineno=first.lineno))
        return self._folded(node.else_)

    def _rest(self, test: nodes.Expr) -> nodes.Expr:
        """`True and x` is `x`, as far as a condition is concerned."""
        if isinstance(test, nodes.And):
            try:
                return self._rest(test.right) if self._value(test.left) else test.left
            except _Unknown:
                pass
        return test

    def _value(self, node: nodes.Expr) -> Any:
        """What an expression of fixed words is."""
        match node:
            case nodes.Name():
                return self._fixed(self._known.get(node.name))
            case nodes.Getattr(node=nodes.Name()):
                assert isinstance(node.node, nodes.Name)
                return self._fixed(getattr(self._known.get(node.node.name), node.attr, None))
            case nodes.Const() if isinstance(node.value, (str, bool)):
                return node.value
            case nodes.Not():
                return not self._value(node.node)
            case nodes.Compare(ops=[operand]) if operand.op in _COMPARISONS:
                return (self._value(node.expr) == self._value(operand.expr)) is _COMPARISONS[operand.op]
            case _:
                raise _Unknown

    def _fixed(self, value: object) -> object:
        if type(value) in (Fixed, bool):
            return value
        raise _Unknown

    def _joined(self, body: list[nodes.Node]) -> list[nodes.Node]:
        """Neighbors that print are one that prints."""
        done: list[nodes.Node] = []
        for node in body:
            last = done[-1] if done else None
            if isinstance(node, nodes.Output) and isinstance(last, nodes.Output):
                done[-1] = nodes.Output([*last.nodes, *node.nodes], lineno=last.lineno)
            else:
                done.append(node)
        return done
