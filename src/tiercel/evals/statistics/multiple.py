"""Several candidates against one baseline: with each more chance has another try. Plain Python."""

from collections.abc import Mapping
from typing import TypeVar

Name = TypeVar("Name")


def holm(p_values: Mapping[Name, float]) -> dict[Name, float]:
    """The p-values after Holm's step-down correction: compare them with alpha as if each stood alone.

    In ascending order the i-th of m is multiplied by m - i + 1, and none may fall below the one before it. Then the
    probability that *any* true null hypothesis is rejected is at most alpha.
    Source: Holm 1979, Scandinavian Journal of Statistics 6. No assumption about how the tests hang together.
    Raises `ValueError` for a p-value outside [0, 1].
    """
    for name, p_value in p_values.items():
        if not 0 <= p_value <= 1:
            raise ValueError(f"the p-value of {name!r} is {p_value!r}: between 0 and 1 is needed")
    corrected: dict[Name, float] = {}
    so_far = 0.0
    for rank, name in enumerate(sorted(p_values, key=p_values.__getitem__)):
        so_far = max(so_far, min(1.0, (len(p_values) - rank) * p_values[name]))
        corrected[name] = so_far
    return {name: corrected[name] for name in p_values}
