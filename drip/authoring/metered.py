"""Compiles templates so that they count their steps: loops, macros and included files pay at each turn.

Adds a call to the tree where a body begins, which costs a reader less than a microsecond for the whole letter, and
shows operands to the meter where Jinja would hand them to Python unseen. Never runs a template. Used by
`drip.authoring.environment`.
"""

from __future__ import annotations

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame, optimizeconst

_BODIES = (nodes.For, nodes.Macro, nodes.CallBlock, nodes.Block)


def add_meters(template: nodes.Template, *, is_included: bool) -> nodes.Template:
    """Let every body that can run more than once spend steps, as many as it has nodes."""
    for node in [*([template] if is_included else ()), *template.find_all(_BODIES)]:
        lineno = node.body[0].lineno if node.body else node.lineno
        node.body.insert(0, nodes.ExprStmt(_spending(node, lineno), lineno=lineno))
    for loop in template.find_all(nodes.For):
        # A loop with a condition looks at members that its body never sees.
        if loop.test is not None:
            loop.test = nodes.And(_spending(loop.test, loop.lineno), loop.test, lineno=loop.lineno)
    return template


def _spending(node: nodes.Node, lineno: int) -> nodes.Call:
    # To include a file takes Jinja as long as a dozen other things.
    weight = 1 + sum(12 if isinstance(each, nodes.Include) else 1 for each in node.find_all(nodes.Node))
    function = nodes.EnvironmentAttribute("spend", lineno=lineno)
    return nodes.Call(function, [nodes.Const(weight, lineno=lineno)], [], None, None, lineno=lineno)


class MeteredGenerator(CodeGenerator):
    """Jinja's compiler, with the meter between."""

    def visit_Call(self, node: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:  # noqa: N802 - named by Jinja
        """The steps of a body are spent without the detour by the sandbox's own `call`."""
        if isinstance(node.node, nodes.EnvironmentAttribute):
            self.write(f"environment.spend({node.args[0].as_const()})")
        else:
            super().visit_Call(node, frame, forward_caller=forward_caller)

    @optimizeconst
    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802 - named by Jinja
        """`~`, its parts measured before they are joined."""
        if frame.eval_ctx.volatile:
            join = "(markup_join if context.eval_ctx.volatile else str_join)"
        else:
            join = "markup_join" if frame.eval_ctx.autoescape else "str_join"
        self.write(f"{join}(environment.meter.measured((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write(")))")

    @optimizeconst
    def visit_Compare(self, node: nodes.Compare, frame: Frame) -> None:  # noqa: N802 - named by Jinja
        """A comparison whose operands were weighed, unless one of them is a word or number of the template itself."""
        operands = [node.expr, *(operand.expr for operand in node.ops)]
        is_short = len(operands) == 2 and any(isinstance(each, nodes.Const) for each in operands)
        weighed = [] if is_short and node.ops[0].op not in ("in", "notin") else operands
        self.write("(")
        for at, operand in enumerate(operands):
            if at:
                self.write(f" {_OPERATORS[node.ops[at - 1].op]} ")
            self.visit(operand, frame) if operand not in weighed else self._weighed(operand, frame, "compared")
        self.write(")")

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:  # noqa: N802 - named by Jinja
        """A slice is a copy."""
        if isinstance(node.arg, nodes.Slice):
            self._weighed(node.node, frame, "sliced")
            self.write("[")
            self.visit(node.arg, frame)
            self.write("]")
        else:
            super().visit_Getitem(node, frame)

    def _weighed(self, node: nodes.Node, frame: Frame, by: str) -> None:
        if isinstance(node, nodes.Const):
            self.visit(node, frame)
            return
        self.write(f"environment.meter.{by}(")
        self.visit(node, frame)
        self.write(")")


_OPERATORS = {
    "eq": "==", "ne": "!=", "gt": ">", "gteq": ">=", "lt": "<", "lteq": "<=", "in": "in", "notin": "not in",
}  # fmt: skip
