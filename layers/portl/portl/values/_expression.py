"""One expression, compiled once and evaluated for any number of scopes."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import TemplateSyntaxError, nodes
from jinja2.environment import TemplateExpression
from jinja2.parser import Parser
from jinja2.utils import missing

from portl.errors import MissingReference, PortlError, TemplateError
from portl.values._redaction import shortened
from portl.values._sandbox import Absent, Gap, Readable, Sandbox
from portl.values._syntax import Reading, Reference
from portl.values._unknown import Uncertain, Unknown
from portl.values._words import Source, refused

Scope = Mapping[str, Any]
Evaluate = Callable[[Scope], Any]
"""What an expression's tree is lowered to. It may raise Gap, any error of a helper, and nothing else is asked of it."""

_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression ready to run."""

    shown: str
    offset: int
    references: tuple[Reference, ...]
    helpers: tuple[tuple[str, int], ...]
    evaluate: Evaluate
    plain: bool
    """Whether it only reads: ``a.b[c]``, nothing worked out of it."""

    def value(self, scope: Scope) -> Any:
        """The expression's value, of its own type; an ``Unknown`` when it needs what only a real call would know.

        Raises:
            MissingReference: T110.
            TemplateError: T104 too large, T105 any other failure.
        """
        try:
            return _finite(self.evaluate(scope))
        except Gap as gap:
            raise self._placed(_missing(gap, scope, self.shown)) from None
        except Uncertain as found:
            return found.unknown if self.plain else self._unknown(scope)
        except TemplateError as problem:
            again = TemplateError(f"{{{{ {self.shown} }}}}: {problem.message}", code=problem.code, hint=problem.hint)
            raise self._placed(again) from problem
        except PortlError:
            raise
        except Exception as problem:
            text = f"{{{{ {self.shown} }}}} failed: {shortened(str(problem) or type(problem).__name__, _SHOWN)}"
            raise self._placed(TemplateError(text, code="T105", hint=_hint(problem))) from problem

    def _placed(self, problem: TemplateError) -> TemplateError:
        problem.offset = self.offset
        problem.detail |= {"expression": self.shown, "offset": self.offset}
        return problem

    def _unknown(self, scope: Scope) -> Unknown:
        index = f"[{scope['idx']}]" if "idx" in scope else "[idx]"
        return Unknown.named(self.shown.replace("steps.", "").replace("[idx]", index))


def compile_expression(source: Source, sandbox: Sandbox) -> Expression:
    """Makes an expression ready.

    Raises:
        TemplateError: T101 syntax, T102 what the sandbox refuses, T103 an unknown helper or test, T109 other arguments
            than it takes.
    """
    reading = Reading(source, sandbox)
    try:
        tree = _parsed(source.text, sandbox)
        plain = isinstance(tree, (nodes.Name, nodes.Getattr, nodes.Getitem))
        evaluate = _lowered(reading.strict(tree), sandbox)
    except TemplateSyntaxError as problem:
        raise _invalid(source, str(problem.message)) from None
    except (ValueError, SyntaxError, OverflowError, RecursionError, MemoryError) as problem:
        raise _invalid(source, "it is nested too deeply or holds a number too long") from problem
    return Expression(source.text.strip(), source.start, tuple(reading.references), tuple(reading.helpers), evaluate, plain)


def _invalid(source: Source, reason: str) -> TemplateError:
    return refused(f"the expression {{{{ {source.text.strip()[:_SHOWN]} }}}} is not valid: {reason}", "T101", source.start)


def _parsed(text: str, sandbox: Sandbox) -> nodes.Expr:
    parser = Parser(sandbox, text, state="variable")
    tree = parser.parse_expression()
    if not parser.stream.eos:
        found = parser.stream.current
        raise TemplateSyntaxError(f'"{found.value}" is one word too many', found.lineno)
    return tree


def _lowered(tree: nodes.Expr, sandbox: Sandbox) -> Evaluate:
    """The tree as a function. Here plain shapes can be given closures of their own; all else is compiled by Jinja."""
    tree.set_environment(sandbox)
    body: list[nodes.Node] = [nodes.Assign(nodes.Name("result", "store"), tree, lineno=1)]
    return TemplateExpression(sandbox.from_string(nodes.Template(body, lineno=1)), undefined_to_none=False)


def _finite(value: Any) -> Any:
    if isinstance(value, complex) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(f"{value} is no number that can be kept")
    return value


def _missing(gap: Gap, scope: Scope, shown: str) -> MissingReference:
    name, reason = _reason(gap, scope)
    text = f"`{name}` is not there" if name else "there is no value"
    where = "" if name == shown else f" in {{{{ {shown} }}}}"
    hint = "take what is there, or allow for its absence with default() or coalesce()"
    return MissingReference(f"{text}{where}; {reason}", code="T110", hint=hint)


def _reason(gap: Gap, scope: Scope) -> tuple[str, str]:
    absent, names = gap.absent, gap.names
    if not isinstance(absent, Absent):
        return "", "the `if` is false and has no `else`"
    if absent.why:
        return "", absent.why
    owner = scope if absent.owner is missing else absent.owner
    at = len(names) - 1 - absent.beyond
    if at < 0:
        return str(absent.name), _neighbours(owner, absent.name, "what it is read of")
    return names[at], _neighbours(owner, absent.name, names[at - 1] if at else "")


def _neighbours(owner: Any, name: Any, parent: str) -> str:
    if isinstance(owner, Mapping):
        return _nearest(str(name), [str(key) for key in owner])
    if isinstance(owner, (list, tuple)):
        return f"`{parent}` is a list of {len(owner)}"
    if isinstance(owner, Readable):
        return f"`{parent}` has no such part"
    return f"`{parent}` is {'null' if owner is None else 'no mapping or list'}"


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean `{near[0]}`?" if near else f"there is {', '.join(names[:10]) or 'nothing'}"


def _hint(problem: Exception) -> str:
    """Decimals and dates are text between steps, so that no digit is lost: who reckons with them says what they are."""
    if isinstance(problem, TypeError) and "str" in str(problem):
        return "a text is no number: write decimal(row.amount) + 1, say; a decimal or a date of another step is text"
    return "look at the value it gets"
