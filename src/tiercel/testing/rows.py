"""A long list, asked for as strict JSON and answered in a code fence: what holds on streams are shown with."""

import msgspec

from tiercel.domain.json import JsonObject
from tiercel.testing.tasks import DemoTask

SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "rows": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"number": {"type": "integer"}, "text": {"type": "string"}},
                "required": ["number", "text"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["rows"],
    "additionalProperties": False,
}
_TEXT = "the quick brown fox jumps over the lazy dog and runs into the wood"
_ROWS = ",".join([f'{{"number":{number},"text":"{_TEXT}"}}' for number in range(30)])

ROWS = DemoTask(
    name="rows",
    kind="extraction",
    difficulty=0.0,
    prompt="List the thirty rows as JSON.",
    answer=f'```json\n{{"rows":[{_ROWS}]}}\n```',
    schema=msgspec.json.encode(SCHEMA).decode(),
)
