"""Renders chat templates of strangers, in a process of its own.

Jinja's sandbox keeps a template from reaching Python, and not from asking for a text of a gigabyte or a loop without
end. So this file is run as a program with limits on memory and processor time, reads its work as JSON from standard
input and writes the texts as JSON to standard output. It knows the names transformers gives to templates, a clock that
stands still, and nothing else.
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

Rendered: TypeAlias = "tuple[str | None, str]"
"""The text, or ``None`` and the reason why there is none."""

_SECONDS = 3
"""Of processor time; all probes together need a tenth of one."""
_PATIENCE = 60
"""Seconds to wait for them on a busy machine; a template has no way to sleep."""
_MEMORY = 1 << 30
_LONGEST = 1 << 17


def render(template: str, cases: Sequence[dict[str, object]]) -> tuple[Rendered, ...]:
    """Return what a template makes of each case, rendered in a limited process.

    Every case fails when the process does: a template that exhausts its limits renders nothing.
    """
    work = json.dumps({"template": template, "cases": list(cases)})
    command = [sys.executable, "-I", str(Path(__file__))]
    try:
        done = subprocess.run(command, input=work, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return tuple((None, "it did not end in time") for _ in cases)
    try:
        pairs = json.loads(done.stdout)
    except ValueError:
        return tuple((None, "it went over its limit of time or memory") for _ in cases)
    return tuple((text, why) for text, why in pairs)


def _render_here(template: str, cases: Sequence[dict[str, object]]) -> list[Rendered]:
    from jinja2 import nodes
    from jinja2.exceptions import TemplateError
    from jinja2.ext import Extension, loopcontrols
    from jinja2.parser import Parser
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        tags = {"generation"}  # noqa: RUF012  # the name and type jinja2 asks for

        def parse(self, parser: Parser) -> list[nodes.Node]:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    def raise_exception(message: str) -> NoReturn:
        raise TemplateError(message)

    def tojson(value: object, **options: Any) -> str:
        return json.dumps(value, ensure_ascii=False, **options)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = lambda pattern: f"<{pattern}>"
    results: list[Rendered] = []
    try:
        compiled = environment.from_string(template)
    except Exception as error:  # noqa: BLE001  # as below
        return [(None, f"{type(error).__name__}: {error}"[:300]) for _ in cases]
    for case in cases:
        try:
            text = compiled.render(**case)
        except Exception as error:  # noqa: BLE001  # whatever a stranger's template raises is its answer
            results.append((None, f"{type(error).__name__}: {error}"[:300]))
        else:
            results.append((text, "") if len(text) <= _LONGEST else (None, "its text is too long"))
    return results


def _main() -> None:
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    work = json.load(sys.stdin)
    sys.stdout.write(json.dumps(_render_here(work["template"], work["cases"])))


if __name__ == "__main__":
    _main()
