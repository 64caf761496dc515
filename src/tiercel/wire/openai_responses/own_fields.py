"""What an item carries that means something to this format alone: its id, its state, the phase of a message.

It travels in `extra` under the format's name, so that no other format sends it anywhere or misses it.
"""

from tiercel.domain.json import JsonObject
from tiercel.domain.request import Format
from tiercel.wire.fields import leftovers

FORMAT: Format = "openai_responses"
_IDENTITY = frozenset(("id", "status", "created_by"))
_OWN = _IDENTITY | frozenset(("phase", "namespace", "caller", "async"))


def kept(source: JsonObject, known: frozenset[str], item_type: str = "") -> JsonObject:
    """The unread fields of an item as `extra`: its own under the format's name, unknown ones beside it.

    `item_type` is kept with its own fields, where one noun stands for several types of item.
    """
    rest = leftovers(source, known | _OWN)
    own = {key: value for key, value in source.items() if key in _OWN and value is not None}
    if item_type:
        own["type"] = item_type
    return {**rest, FORMAT: own} if own else rest


def without_ids(own: JsonObject) -> JsonObject:
    """What of them says something beyond the answer that the item was made in."""
    return {key: value for key, value in own.items() if key not in _IDENTITY}


def own_fields(extra: JsonObject) -> JsonObject:
    """What `kept` put under the format's name."""
    found = extra.get(FORMAT)
    return found if isinstance(found, dict) else {}
