"""What is read from /proc: processor time of a whole tree, whatever a process calls itself."""

import pytest

from bench.processes import Stat, cpu_model, parse_stat, resident_pages, tree

LINE = (
    "4242 ({name}) S 17 4242 4242 0 -1 4194304 5000 300 2 0 {user} {system} {waited_user} {waited_system} "
    "20 0 5 0 912345 250000000 15000 18446744073709551615 1 1 0 0 0 0 0 4096 81922 0 0 0 17 0 0 0 0 0 0"
)


@pytest.mark.parametrize("name", ["python3", "tmux: server", "a) S 1 (b", "(((", "nginx: worker process"])
def test_stat_is_read_whatever_the_process_is_called(name: str) -> None:
    """Names may hold spaces and parentheses; user and system time count, and that of children waited for."""
    line = LINE.format(name=name, user=700, system=40, waited_user=5, waited_system=2)
    assert parse_stat(line) == Stat(pid=4242, parent=17, ticks=747)


def stat(pid: int, parent: int) -> Stat:
    return Stat(pid=pid, parent=parent, ticks=1)


def test_tree_has_children_and_their_children() -> None:
    """Wherever they stand in the listing, and nobody else."""
    stats = [stat(30, 20), stat(20, 10), stat(99, 1), stat(10, 1), stat(21, 10), stat(1, 0)]
    assert sorted(found.pid for found in tree(stats, 10)) == [10, 20, 21, 30]


def test_tree_of_a_process_that_is_gone_is_empty() -> None:
    assert tree([stat(10, 1)], 11) == []


def test_resident_pages_are_the_second_number() -> None:
    assert resident_pages("61035 15000 4000 700 0 30000 0\n") == 15000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor\t: 0\nmodel name\t: Fast CPU @ 3.0GHz: B\nflags\t: a b\n", "Fast CPU @ 3.0GHz: B"),
        ("processor\t: 0\nBogoMIPS\t: 50\nModel\t: A board\n", "A board"),
        ("", "unknown processor"),
    ],
)
def test_processor_has_a_name(text: str, expected: str) -> None:
    assert cpu_model(text) == expected
