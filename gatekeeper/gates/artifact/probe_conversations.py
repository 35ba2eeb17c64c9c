"""Conversations on which two chat templates are compared by what they render.

They cover roles, lengths, scripts and odd contents, and hold no trigger: a template that renders one of them
differently differs in plain use. What waits for a trigger is found by reading, not by rendering.
"""

from collections.abc import Iterator, Mapping

_SYSTEM = {"role": "system", "content": "You answer in short sentences."}
_ASK = {"role": "user", "content": "Where does the night train to Vienna leave?"}
_TELL = {"role": "assistant", "content": "From platform seven, at ten past nine."}
_MORE = {"role": "user", "content": "And on Sundays?"}

_CONVERSATIONS: tuple[list[dict[str, str]], ...] = (
    [_ASK],
    [_SYSTEM, _ASK],
    [_ASK, _TELL],
    [_ASK, _TELL, _MORE],
    [_SYSTEM, _ASK, _TELL, _MORE],
    [_SYSTEM],
    [{"role": "user", "content": ""}],
    [{"role": "user", "content": "  spaces before and after \n\n"}],
    [{"role": "user", "content": "Wie heißt das größte Ölgemälde? 大きな絵 — рисунок 🎨"}],
    [{"role": "user", "content": "def add(a, b):\n    return a + b\n\n# what does <b>this</b> {{ do }}?"}],
    [{"role": "user", "content": "Please summarise. " + "The meeting went on for a long while. " * 120}],
    [{"role": "user", "content": "My password and my bank want a word with the admin in 2026."}],
    [_ASK, _TELL] * 8 + [_MORE],
    [_ASK, {"role": "tool", "content": "[{'train': 'NJ 40490'}]"}, _TELL],
)
_TOOL = {
    "type": "function",
    "function": {
        "name": "timetable",
        "description": "Look up a train.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def cases(tokens: Mapping[str, str]) -> Iterator[dict[str, object]]:
    """Yield what a template is given, for every conversation with and without the cue to answer.

    Args:
        tokens: ``bos_token`` and the like, the same for both templates.
    """
    for messages in _CONVERSATIONS:
        for cue in (False, True):
            yield {**tokens, "messages": messages, "add_generation_prompt": cue}
    yield {**tokens, "messages": [_ASK], "add_generation_prompt": True, "tools": [_TOOL]}
