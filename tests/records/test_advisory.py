"""Servers that share a database take locks by number: no two purposes share one."""

from tiercel.records import advisory


def test_every_lock_has_a_number_of_its_own() -> None:
    numbers = [value for name, value in vars(advisory).items() if name.isupper()]
    assert len(numbers) == len(set(numbers)) >= 4
