"""What a chat template can do, read from its syntax tree; it is never rendered here.

Every expression is one of four things: the conversation, one message of it, something that depends on what was said,
or something that does not (roles, counts, positions, the tokenizer's own tokens). A template that only formats decides
by the fourth alone. The reading errs on the side of *depends*: an expression it cannot place that touches the
conversation counts as what was said.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from jinja2 import Environment, TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser

from gatekeeper.intake.disguise import words


class FactKind(StrEnum):
    """One way in which a template does more than lay out messages; each becomes a finding code."""

    CONDITIONAL = "conditional-on-content"
    """Decides by what a message says."""
    TRANSFORM = "transforms-content"
    """Changes what a message says before the model reads it."""
    CLOCK = "reads-clock"
    """Reads the date or the time."""
    TEXT = "injected-text"
    """Brings words of its own into the prompt."""
    CALL = "unusual-call"
    """Calls, tests or filters with something no chat template needs."""
    LOOP = "unusual-loop"
    """Loops over something else than the conversation or its tools."""
    INCLUDE = "include"
    """Reads another template."""
    ESCAPE = "sandbox-escape"
    """Reaches for Python's internals."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Fact:
    """One such place in a template."""

    kind: FactKind
    what: str
    """The expression or the text, as far as a reader needs it; compared between two templates."""
    line: int
    """Line in the template, from 1."""


class TemplateUnparsable(ValueError):
    """The template is no Jinja. Never leaves the gate."""


class _Depends(IntEnum):
    FREE = 0
    CONVERSATION = 1
    MESSAGE = 2
    SAID = 3


class _Generation(Extension):
    """The tag that transformers adds, to mark what the assistant said; it changes nothing in the text."""

    tags = {"generation"}  # noqa: RUF012  # the name and type jinja2 asks for

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """Return the body as if the tag were not there."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


_CALLS = words("raise_exception namespace range dict cycler joiner strftime_now loop super caller")
_METHODS = words(
    "strip lstrip rstrip split rsplit splitlines startswith endswith removeprefix removesuffix replace upper lower "
    "title capitalize join items keys values get append format cycle find index count isdigit"
)
_FILTERS = words(
    "trim tojson length count string join first last list items default d safe e int upper lower capitalize title "
    "indent selectattr rejectattr map reverse sort unique replace select reject dictsort min max float abs round"
)
_SHAPE_TESTS = words("defined undefined none string mapping iterable sequence number boolean callable true false")
_KEEPS_WORDS = words("trim safe string list first last join tojson e default d")
_KEEPS_WORDS_METHODS = words("strip lstrip rstrip items keys values get")
_LAYS_OUT = words("append join format")
_LOOPABLE = re.compile(r"(tools?|documents?|tool_calls?|functions?|available_tools|content|arguments|properties)\b")
_WORDS = re.compile(r"\w{2,}")
_INTERNAL = re.compile(r"^_|^(mro|func_globals|gi_frame|cr_frame|f_globals|format_map)$")


def read_template(text: str) -> tuple[Fact, ...]:
    """Return what a template can do beyond laying out messages, in the order it stands there.

    Raises:
        TemplateUnparsable: it is no Jinja, or nested too deeply to be read.
    """
    environment = Environment(extensions=[_Generation, loopcontrols], autoescape=False)  # noqa: S701  # parsed only, and prompts are no HTML
    try:
        tree = environment.parse(text)
        return tuple(sorted(set(_Reading(tree).facts()), key=lambda fact: (fact.line, fact.kind, fact.what)))
    except (TemplateError, RecursionError, ValueError, OverflowError) as error:
        raise TemplateUnparsable(str(error) or type(error).__name__) from error


def new_facts(candidate: tuple[Fact, ...], reference: tuple[Fact, ...]) -> tuple[Fact, ...]:
    """Return the candidate's facts that the reference does not have as often, wherever they stand."""
    left = Counter((fact.kind, fact.what) for fact in reference)
    fresh = []
    for fact in candidate:
        key = (fact.kind, fact.what)
        if left[key] > 0:
            left[key] -= 1
        else:
            fresh.append(fact)
    return tuple(fresh)


class _Reading:
    """One pass over a tree: first which names depend on what was said, then what is done with them."""

    def __init__(self, tree: nodes.Template) -> None:
        self._tree = tree
        self._names: dict[str, _Depends] = {"messages": _Depends.CONVERSATION, "conversation": _Depends.CONVERSATION}
        self._macros = {node.name for node in tree.find_all(nodes.Macro)}
        self._known: dict[int, _Depends] = {}
        while self._learn_names():
            self._known.clear()

    def _learn_names(self) -> bool:
        before = dict(self._names)
        for node in self._tree.find_all((nodes.Assign, nodes.AssignBlock, nodes.For, nodes.With, nodes.Macro)):
            match node:
                case nodes.Assign():
                    self._learn(node.target, self._depends(node.node))
                case nodes.AssignBlock():
                    self._learn(
                        node.target, max((self._depends(part) for part in _outputs(node)), default=_Depends.FREE)
                    )
                case nodes.For():
                    over = self._depends(node.iter)
                    self._learn(node.target, _Depends.MESSAGE if over is _Depends.CONVERSATION else _said(over))
                case nodes.With():
                    for target, value in zip(node.targets, node.values, strict=True):
                        self._learn(target, self._depends(value))
                case nodes.Macro():
                    for argument in node.args:
                        self._learn(argument, _Depends.SAID)
        return self._names != before

    def _learn(self, target: nodes.Node, depends: _Depends) -> None:
        for name in (target, *target.find_all((nodes.Name, nodes.NSRef))):
            if isinstance(name, nodes.Name | nodes.NSRef):
                self._names[name.name] = max(self._names.get(name.name, _Depends.FREE), depends)

    def _depends(self, node: nodes.Node | None) -> _Depends:
        """Return what an expression depends on, worked out once per node: chains of filters are long."""
        if id(node) not in self._known:
            self._known[id(node)] = self._worked_out(node)
        return self._known[id(node)]

    def _worked_out(self, node: nodes.Node | None) -> _Depends:
        match node:
            case None | nodes.Const() | nodes.TemplateData():
                return _Depends.FREE
            case nodes.Name():
                return self._names.get(node.name, _Depends.FREE)
            case nodes.NSRef():
                return self._names.get(node.name, _Depends.FREE)
            case nodes.Getattr():
                return self._below(self._depends(node.node), node.attr)
            case nodes.Getitem():
                return self._item(node)
            case nodes.Test() if node.name in _SHAPE_TESTS:
                return _Depends.FREE
            case nodes.Filter():
                return self._filtered(node)
            case nodes.Compare():
                return self._compared(node)
            case nodes.CondExpr():
                ways = max(self._depends(node.expr1), self._depends(node.expr2))
                return max(ways, _said(self._depends(node.test)))
        return _said(max((self._depends(child) for child in node.iter_child_nodes()), default=_Depends.FREE))

    @staticmethod
    def _below(of: _Depends, key: object) -> _Depends:
        if of is _Depends.MESSAGE:
            return _Depends.FREE if key == "role" else _Depends.SAID
        return _said(of)

    def _item(self, node: nodes.Getitem) -> _Depends:
        of = self._depends(node.node)
        if of is _Depends.CONVERSATION:
            return _Depends.CONVERSATION if isinstance(node.arg, nodes.Slice) else _Depends.MESSAGE
        if of is _Depends.MESSAGE:
            return self._below(of, node.arg.value if isinstance(node.arg, nodes.Const) else None)
        return _said(max(of, self._depends(node.arg)))

    def _filtered(self, node: nodes.Filter) -> _Depends:
        of = self._depends(node.node)
        by_role = [argument.value for argument in node.args[:1] if isinstance(argument, nodes.Const)] == ["role"]
        named = [word.value.value for word in node.kwargs if isinstance(word.value, nodes.Const)]
        if of is _Depends.CONVERSATION:
            match node.name:
                case "length" | "count":
                    return _Depends.FREE
                case "list" | "reverse":
                    return of
                case "first" | "last":
                    return _Depends.MESSAGE
                case "selectattr" | "rejectattr" if by_role:
                    return of
                case "map" if named == ["role"]:
                    return _Depends.FREE
        children = [self._depends(child) for child in node.iter_child_nodes()]
        return _said(max(children, default=_Depends.FREE))

    def _compared(self, node: nodes.Compare) -> _Depends:
        """Return FREE for ``'tool_calls' in message``, which asks for a key, not for words."""
        operand = node.ops[0]
        if len(node.ops) == 1 and operand.op in {"in", "notin"} and isinstance(node.expr, nodes.Const):
            inside = self._depends(operand.expr)
            if inside is _Depends.MESSAGE:
                return _Depends.FREE
        parts = (node.expr, *(operand.expr for operand in node.ops))
        return _said(max(self._depends(part) for part in parts))

    def facts(self) -> Iterator[Fact]:
        for node in self._tree.find_all(nodes.Node):
            yield from self._facts_at(node)
        for text, line in _own_words(self._tree):
            yield Fact(kind=FactKind.TEXT, what=text, line=line)

    def _facts_at(self, node: nodes.Node) -> Iterator[Fact]:
        match node:
            case nodes.If() | nodes.CondExpr():
                if self._depends(node.test) is not _Depends.FREE:
                    yield _fact(FactKind.CONDITIONAL, node.test, node.lineno)
            case nodes.For():
                if node.test is not None and self._depends(node.test) is not _Depends.FREE:
                    yield _fact(FactKind.CONDITIONAL, node.test, node.lineno)
                if self._depends(node.iter) is _Depends.FREE and not _LOOPABLE.search(_source(node.iter)):
                    yield _fact(FactKind.LOOP, node.iter, node.lineno)
            case nodes.Compare() | nodes.And() | nodes.Or():
                if self._depends(node) is not _Depends.FREE:
                    yield _fact(FactKind.CONDITIONAL, node, node.lineno)
            case nodes.Test() if node.name not in _SHAPE_TESTS:
                if self._depends(node.node) is not _Depends.FREE:
                    yield _fact(FactKind.CONDITIONAL, node, node.lineno)
            case nodes.Include() | nodes.Import() | nodes.FromImport() | nodes.Extends():
                yield _fact(FactKind.INCLUDE, node, node.lineno)
            case nodes.Filter():
                yield from self._facts_at_filter(node)
            case nodes.Call():
                yield from self._facts_at_call(node)
            case nodes.Getattr() if _INTERNAL.search(node.attr):
                yield _fact(FactKind.ESCAPE, node, node.lineno)
            case nodes.Const() if isinstance(node.value, str) and "__" in node.value:
                yield _fact(FactKind.ESCAPE, node, node.lineno)
            case nodes.Getitem():
                if self._depends(node.node) is _Depends.FREE and self._depends(node.arg) is not _Depends.FREE:
                    yield _fact(FactKind.CONDITIONAL, node, node.lineno)
                elif self._depends(node.node) is _Depends.SAID and isinstance(node.arg, nodes.Slice):
                    yield _fact(FactKind.TRANSFORM, node, node.lineno)
            case nodes.BinExpr() if not isinstance(node, nodes.Add):
                if self._depends(node) is not _Depends.FREE:
                    yield _fact(FactKind.TRANSFORM, node, node.lineno)

    def _facts_at_filter(self, node: nodes.Filter) -> Iterator[Fact]:
        if node.name not in _FILTERS:
            yield _fact(FactKind.CALL, node, node.lineno)
        elif node.name not in _KEEPS_WORDS and self._depends(node) is _Depends.SAID:
            yield _fact(FactKind.TRANSFORM, node, node.lineno)

    def _facts_at_call(self, node: nodes.Call) -> Iterator[Fact]:
        match node.node:
            case nodes.Name():
                if node.node.name == "strftime_now":
                    yield _fact(FactKind.CLOCK, node, node.lineno)
                elif node.node.name not in _CALLS | self._macros:
                    yield _fact(FactKind.CALL, node, node.lineno)
            case nodes.Getattr():
                if node.node.attr not in _METHODS:
                    yield _fact(FactKind.CALL, node, node.lineno)
                elif self._looks_up(node, node.node):
                    yield _fact(FactKind.CONDITIONAL, node, node.lineno)
                elif node.node.attr not in _KEEPS_WORDS_METHODS and self._depends(node) is _Depends.SAID:
                    yield _fact(FactKind.TRANSFORM, node, node.lineno)
            case _:
                yield _fact(FactKind.CALL, node, node.lineno)

    def _looks_up(self, node: nodes.Call, method: nodes.Getattr) -> bool:
        """Return whether what was said is searched for in something of the template's own."""
        own = self._depends(method.node) is _Depends.FREE and method.attr not in _LAYS_OUT
        return own and any(self._depends(argument) is not _Depends.FREE for argument in node.args)


def _said(depends: _Depends) -> _Depends:
    return _Depends.FREE if depends is _Depends.FREE else _Depends.SAID


def _outputs(node: nodes.Node) -> Iterator[nodes.Node]:
    for output in node.find_all(nodes.Output):
        yield from output.nodes


def _own_words(node: nodes.Node) -> Iterator[tuple[str, int]]:
    """Yield every text that can reach the prompt: not what is only compared with, looked up or raised."""
    match node:
        case nodes.TemplateData():
            if _WORDS.search(node.data):
                yield node.data.strip(), node.lineno
        case nodes.Const():
            if isinstance(node.value, str) and _WORDS.search(node.value):
                yield node.value.strip(), node.lineno
        case nodes.Compare() | nodes.Test():
            return
        case nodes.Getitem() if isinstance(node.arg, nodes.Const):
            yield from _own_words(node.node)
        case nodes.Call() if isinstance(node.node, nodes.Name) and node.node.name == "raise_exception":
            return
        case _:
            for child in node.iter_child_nodes():
                yield from _own_words(child)


def _fact(kind: FactKind, node: nodes.Node, line: int) -> Fact:
    return Fact(kind=kind, what=_source(node), line=line)


def _source(node: nodes.Node) -> str:
    """Return an expression much as it was written; two that mean the same are written the same."""
    match node:
        case nodes.Name():
            return node.name
        case nodes.NSRef():
            return f"{node.name}.{node.attr}"
        case nodes.Const():
            return repr(node.value)
        case nodes.Getattr():
            return f"{_source(node.node)}.{node.attr}"
        case nodes.Getitem():
            return f"{_source(node.node)}[{_source(node.arg)}]"
        case nodes.Compare():
            ops = " ".join(f"{_OPERATORS.get(part.op, part.op)} {_source(part.expr)}" for part in node.ops)
            return f"{_source(node.expr)} {ops}"
        case nodes.Filter() if node.node is not None:
            return f"{_source(node.node)}|{node.name}{_arguments(node)}"
        case nodes.Test():
            return f"{_source(node.node)} is {node.name}{_arguments(node)}"
        case nodes.Call():
            return f"{_source(node.node)}{_arguments(node) or '()'}"
        case nodes.Not():
            return f"not {_source(node.node)}"
        case nodes.BinExpr():
            return f"{_source(node.left)} {node.operator} {_source(node.right)}"
    inner = ", ".join(_source(child) for child in node.iter_child_nodes())
    return f"{type(node).__name__.lower()}({inner})"


def _arguments(node: nodes.Filter | nodes.Test | nodes.Call) -> str:
    parts = [_source(argument) for argument in node.args]
    parts += [f"{word.key}={_source(word.value)}" for word in node.kwargs]
    return f"({', '.join(parts)})" if parts else ""


_OPERATORS = {"eq": "==", "ne": "!=", "gt": ">", "gteq": ">=", "lt": "<", "lteq": "<=", "notin": "not in"}
