"""Finds templates whose logic could see printed text, where the shape cache would show it a token instead.

`{% set x %}{{ first_name }}{% endset %}{% if x == "Ann" %}` compares what was *printed*; on the fast path that is a
token, and the wrong branch would be taken (seen, not guessed). Such a template goes the slow way, which is always
right. Reads the syntax tree only; never runs a template. Called by `drip.authoring.environment`, once per post.
"""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import Environment, TemplateError, nodes

PRINTERS = frozenset({"caller", "super", "loop"})
"""Names whose call gives back printed text; macros and imports join them."""


def leak(environment: Environment, source: str) -> str | None:
    """Why this template must go the slow way, or None."""
    return leak_of(environment, environment.parse(source))


def leak_of(environment: Environment, parsed: nodes.Template) -> str | None:
    """The same of a template that was read already."""
    trees = [parsed]
    seen: set[str] = set()
    for tree in trees:  # grows while it is walked: the templates that templates name
        for name in _references(tree):
            if name is None:
                return "it includes a template by a computed name"
            if name not in seen:
                seen.add(name)
                trees.extend(_parsed(environment, name))
    printers = PRINTERS | {name for tree in trees for name in _makers(tree)}
    return next((reason for tree in trees if (reason := _leak_in(tree, printers))), None)


def _parsed(environment: Environment, name: str) -> Iterator[nodes.Template]:
    assert environment.loader is not None
    try:
        source, _, _ = environment.loader.get_source(environment, name)
        yield environment.parse(source)
    except TemplateError:
        return  # it will be reported, with its place, where it is used


def _references(tree: nodes.Template) -> Iterator[str | None]:
    for node in tree.find_all((nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)):
        named = getattr(node, "template", None)
        if isinstance(named, nodes.Const) and isinstance(named.value, str):
            yield named.value
        elif isinstance(named, (nodes.List, nodes.Tuple)) and all(isinstance(n, nodes.Const) for n in named.items):
            yield from (n.value for n in named.items if isinstance(n, nodes.Const))
        else:
            yield None


def _makers(tree: nodes.Template) -> Iterator[str]:
    for node in tree.find_all((nodes.Macro, nodes.Import, nodes.FromImport)):
        if isinstance(node, nodes.Macro):
            yield node.name
        elif isinstance(node, nodes.Import):
            yield node.target
        elif isinstance(node, nodes.FromImport):
            for name in node.names:
                yield name if isinstance(name, str) else name[1]


def _leak_in(tree: nodes.Template, printers: frozenset[str] | set[str]) -> str | None:
    if tree.find(nodes.EvalContextModifier):
        return "it changes autoescaping"
    for block in tree.find_all((nodes.AssignBlock, nodes.FilterBlock)):
        if _prints(block):
            return f"line {block.lineno}: a value is printed within `{{% set %}}` or `{{% filter %}}`"
    printed = {id(child) for output in tree.find_all(nodes.Output) for child in output.nodes}
    called = set()
    for call in tree.find_all(nodes.Call):
        # `{% call box() %}` prints its macro's text, as `{{ box() }}` does.
        if (name := _root(call.node)) is not None and (name.name in printers or name.name == "self"):
            called.add(id(name))
            if id(call) not in printed and not _is_call_block(tree, call):
                return f"line {call.lineno}: the text printed by `{name.name}` is used in an expression"
    for name in tree.find_all(nodes.Name):
        if name.ctx == "load" and name.name in printers - {"loop"} and id(name) not in called:
            return f"line {name.lineno}: `{name.name}` is used as a value"
    return None


def _prints(block: nodes.Node) -> bool:
    if any(block.find_all((nodes.Include, nodes.Block, nodes.CallBlock))):
        return True
    return any(not isinstance(child, nodes.TemplateData) for out in block.find_all(nodes.Output) for child in out.nodes)


def _is_call_block(tree: nodes.Template, call: nodes.Call) -> bool:
    return any(block.call is call for block in tree.find_all(nodes.CallBlock))


def _root(node: nodes.Node) -> nodes.Name | None:
    """The name that an expression such as `forms.field` or `box` begins with; `loop.cycle` prints nothing."""
    if isinstance(node, nodes.Name):
        return node
    if isinstance(node, (nodes.Getattr, nodes.Getitem)):
        root = _root(node.node)
        return None if root is not None and root.name == "loop" else root
    return None
