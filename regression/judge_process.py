"""The process a plugged-in judge runs in: one JSON object a line in, one out. Imports nothing of ours.

Started with ``MODULE:ATTRIBUTE``; says ``{"ready": true}`` once the judge is loaded, then answers each
``{"reply", "fields"}`` with ``{"score"}`` or ``{"error"}``. What the judge prints goes to standard error.
"""

import importlib
import json
import os
import sys


def main() -> None:
    """Load the judge and answer until the input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    module, _, attribute = sys.argv[1].partition(":")
    try:
        judge = importlib.import_module(module)
        for name in attribute.split("."):
            judge = getattr(judge, name)
    except Exception as error:  # noqa: BLE001 - whatever it is, the asker is told
        _say(answers, {"error": f"{type(error).__name__}: {error}"})
        return
    _say(answers, {"ready": True})
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            score = judge(asked["reply"], asked["fields"])  # type: ignore[operator]  # the judge is any callable
            _say(answers, {"score": float(score)})
        except Exception as error:  # noqa: BLE001
            _say(answers, {"error": f"{type(error).__name__}: {error}"})


def _say(answers: object, value: dict[str, object]) -> None:
    print(json.dumps(value), file=answers, flush=True)  # type: ignore[call-overload]  # text output


if __name__ == "__main__":
    main()
