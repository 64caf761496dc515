"""A good value with something else in one place of it: what a file looks like that is wrong somewhere."""

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

ODD: st.SearchStrategy[object] = (
    st.sampled_from([None, True, 0, -1, 2**40, 1.5, "", "x", "file://gone.txt", "{{a}}", "{% x %}", "C"])
    | st.lists(st.sampled_from([None, 1, "a", [], {}]), max_size=2)
    | st.dictionaries(
        st.sampled_from(["a", "id", "type", "content"]), st.sampled_from([None, 1, "a", []]), max_size=2
    )
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of each value within a value."""
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield from places(inner, (*path, key))


def changed(value: Any, path: tuple[Any, ...], odd: object) -> Any:
    """The value with something else at the path."""
    if not path:
        return odd
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(value[path[0]], path[1:], odd)
    return copy
