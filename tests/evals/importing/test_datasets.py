"""Data sets of Langfuse and LangSmith, and plain tables."""

from pathlib import Path
from typing import Any

import pytest

from tests.evals.importing.scene import brought, reread
from tiercel.domain.errors import ConfigError

SAID = [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize(
    ("source", "name", "text", "row"),
    [
        (
            "langfuse",
            "d.jsonl",
            '{"id": "a", "input": "Hi", "expectedOutput": "Hello", "metadata": {"k": 1}, "status": "ACTIVE"}',
            {"id": "a", "input": "Hi", "target": "Hello", "metadata": {"k": 1}},
        ),
        (
            "langfuse",
            "d.json",
            '{"data": [{"input": {"messages": [{"role": "user", "content": "Hi"}]}, "expectedOutput": {"text": "x"}}]}',
            {"input": SAID, "target": "x"},
        ),
        (
            "langfuse",
            "d.csv",
            'id,input,expected_output,metadata\na,"{""question"": ""Hi""}",Hello,"{""k"": 1}"\n',
            {"id": "a", "input": "Hi", "target": "Hello", "metadata": {"k": 1}},
        ),
        (
            "langsmith",
            "d.jsonl",
            '{"inputs": {"messages": [{"type": "human", "content": "Hi"}]},'
            ' "outputs": {"answer": "x"}, "split": "test"}',
            {"input": SAID, "target": "x", "metadata": {"split": "test"}},
        ),
        (
            "langsmith",
            "d.jsonl",
            '{"inputs": {"input": [{"id": ["langchain", "HumanMessage"], "kwargs": {"content": "Hi"}}]},'
            ' "outputs": {"output": {"content": "x"}}}',
            {"input": SAID, "target": "x"},
        ),
        ("langsmith", "d.csv", "input_question,output_answer\nHi,x\n", {"input": "Hi", "target": "x"}),
        (
            "csv",
            "d.csv",
            "input,target\nHi,x\n",
            {"input": "Hi", "target": "x", "vars": {"input": "Hi", "target": "x"}},
        ),
    ],
)
def test_a_row_becomes_an_item(
    tmp_path: Path, source: str, name: str, text: str, row: dict[str, Any]
) -> None:
    assert brought(tmp_path, source, name, {name: text}).rows == (row,)


def test_variables_without_a_prompt_get_one(tmp_path: Path) -> None:
    text = '{"inputs": {"context": "c", "question": "q"}, "outputs": {"answer": "a"}}'
    imported = brought(tmp_path, "langsmith", "d.jsonl", {"d.jsonl": text})
    read = reread(tmp_path, imported)
    assert read.items[0].body["messages"][0]["content"] == "context: c\nquestion: q"
    assert any("make it yours" in note for note in imported.notes)


def test_archived_and_empty_items_are_told(tmp_path: Path) -> None:
    text = (
        '{"input": "a", "status": "ARCHIVED"}\n{"expectedOutput": "b"}\n{"input": "c", "expectedOutput": "d"}'
    )
    imported = brought(tmp_path, "langfuse", "d.jsonl", {"d.jsonl": text})
    assert imported.left == ("d.jsonl: item 1 is archived", "d.jsonl: item 2 has no input")


def test_a_table_with_expectations_runs_as_it_is(tmp_path: Path) -> None:
    imported = brought(tmp_path, "csv", "d.csv", {"d.csv": "q,__expected\nHi,contains:x\n"})
    read = reread(tmp_path, imported)
    assert read.items[0].body["messages"][0]["content"] == "Hi"
    assert len(read.items[0].expectations) == 1


@pytest.mark.parametrize(
    ("source", "name", "text"),
    [
        ("langfuse", "d.jsonl", '{"a": 1}'),
        ("langfuse", "d.json", '{"a": 1}'),
        ("langfuse", "d.xlsx", ""),
        ("langsmith", "d.csv", 'a,b\n1,"2'),
        ("csv", "d.csv", ""),
    ],
)
def test_what_is_no_data_set_is_refused(tmp_path: Path, source: str, name: str, text: str) -> None:
    with pytest.raises(ConfigError):
        brought(tmp_path, source, name, {name: text})
