"""Keys in one spelling: Google's own clients send camelCase and snake_case, mixed in one body.

Works on one object at a time, since what stands inside schemas, arguments and results is the caller's own.
"""

import re

from tiercel.domain.errors import CallerError
from tiercel.domain.json import JsonObject

_HUMP = re.compile(r"(?<=[a-zA-Z0-9])_([a-zA-Z0-9])")


def camel(source: JsonObject, param: str = "") -> JsonObject:
    """The same object with its own keys in camelCase and without those that are null, which count as absent.

    Raises `CallerError` for a field given in both spellings.
    """
    if "_" not in "".join(source) and None not in source.values():
        return source
    spelled: JsonObject = {}
    for key, value in source.items():
        if value is None:
            continue
        name = _HUMP.sub(lambda hump: hump[1].upper(), key)
        if name in spelled:
            field = f"{param}.{name}" if param else name
            raise CallerError("invalid_request", f"{field}: given twice, in two spellings", param=field)
        spelled[name] = value
    return spelled
