"""Items: every way in which others write them, and what is said of those that are broken."""

from pathlib import Path

import pytest

from tests.evals.files.scene import asked, evaluation, read
from tiercel.domain.errors import ConfigError
from tiercel.evals.evaluation import Expectation, Item

PARIS = [{"role": "user", "content": "Capital of France?"}]


def items(folder: Path, name: str, text: str, more: str = "") -> tuple[Item, ...]:
    return read(folder, {"eval.yaml": evaluation(name, more), name: text}).items


def problems(folder: Path, name: str, text: str, more: str = "") -> str:
    with pytest.raises(ConfigError) as caught:
        items(folder, name, text, more)
    return "\n".join(caught.value.problems)


@pytest.mark.parametrize(
    "row",
    [
        '{"input": "Capital of France?", "target": "Paris"}',
        '{"input": [{"role": "user", "content": "Capital of France?"}], "target": ["Paris"]}',
        '{"messages": [{"role": "user", "content": "Capital of France?"}], "ideal": "Paris"}',
        '{"question": "Capital of France?", "answer": "Paris"}',
        '{"input": "Capital of France?", "ideal": ["Paris"]}',
        '{"input": "Capital of France?", "expected": "Paris", "target": "Paris"}',
    ],
)
def test_others_words_for_the_same_item(tmp_path: Path, row: str) -> None:
    (item,) = items(tmp_path, "items.jsonl", row + "\n")
    assert (item.body, item.target) == ({"messages": PARIS}, ("Paris",))
    assert item.expectations[0].value == "Paris"


def test_unknown_keys_are_kept_for_slices(tmp_path: Path) -> None:
    row = (
        '{"id": 7, "input": "a", "target": "b", "topic": "geo", "metadata": {"level": 3}, "description": "d"}'
    )
    (item,) = items(tmp_path, "items.jsonl", row)
    assert (item.id, item.metadata) == ("7", {"topic": "geo", "level": 3, "description": "d"})


@pytest.mark.parametrize(
    ("target", "texts"), [("4", ("4",)), ("true", ("true",)), ('{"a": 1}', ('{"a":1}',))]
)
def test_a_right_answer_of_another_kind_becomes_text(
    tmp_path: Path, target: str, texts: tuple[str, ...]
) -> None:
    (item,) = items(tmp_path, "items.jsonl", f'{{"input": "x", "target": {target}}}')
    assert item.target == texts


def test_an_id_is_made_of_the_content_and_not_of_the_line(tmp_path: Path) -> None:
    """So that a line put before it, or a note, changes no pair."""
    first = items(tmp_path, "items.jsonl", '{"input": "a", "target": "b"}\n')[0]
    later = items(
        tmp_path, "items.jsonl", '{"input":"z","target":"y"}\n\n{"target":"b","input":"a","note":1}'
    )[1]
    assert first.id == later.id
    assert later.line == 3


def test_choices_are_shown_below_the_question(tmp_path: Path) -> None:
    (item,) = items(tmp_path, "items.jsonl", '{"input": "Which?", "target": "B", "choices": ["one", 2]}')
    content = item.body["messages"][0]["content"]
    assert content == "Which?\n\nA) one\nB) 2\n\nAnswer with the letter of the right choice."
    assert item.choices == ("one", "2")


def test_a_prompt_that_does_not_show_the_choices_is_refused(tmp_path: Path) -> None:
    text = '{"input": "Which?", "target": "B", "choices": ["one", "two"]}'
    assert "put {{choices}} into it" in problems(tmp_path, "items.jsonl", text, "prompts: ['{{input}}']")
    (item,) = items(tmp_path, "items.jsonl", text, "prompts: ['{{input}} {{choices}}']")
    assert item.body["messages"][0]["content"] == "Which? A) one\nB) two"


def test_prompts_are_filled_with_the_items_values(tmp_path: Path) -> None:
    """In the messages' texts, after they were read: a quotation mark in a value breaks nothing."""
    more = """prompts: ["Say {{word}} about {{metadata.topic}}", '[{"role": "system", "content": "{{ word }}!"}]']"""
    text = '{"vars": {"word": "\\"hi\\""}, "target": "x", "metadata": {"topic": "bees"}, "id": "i"}'
    read_items = items(tmp_path, "items.jsonl", text, more)
    assert [item.body["messages"] for item in read_items] == [
        [{"role": "user", "content": 'Say "hi" about bees'}],
        [{"role": "system", "content": '"hi"!'}],
    ]
    assert [(item.id, item.cluster) for item in read_items] == [("i#1", "i"), ("i#2", "i")]


def test_prompts_of_files(tmp_path: Path) -> None:
    files = {
        "eval.yaml": evaluation(
            "[{vars: {q: why}, target: t}]",
            "prompts: ['file://p/*.txt', {id: 'file://p/chat.yaml', label: chat}]",
        ),
        "p/one.txt": "1 {{q}}\n---\n2 {{q}}\n",
        "p/chat.yaml": "- {role: system, content: be brief}\n- {role: user, content: '{{q}}'}",
    }
    found = read(tmp_path, files)
    assert [item.metadata["prompt"] for item in found.items] == ["one-1", "one-2", "chat"]
    assert [messages[-1]["content"] for messages in asked(found)] == ["1 why", "2 why", "why"]


def test_clusters_by_metadata(tmp_path: Path) -> None:
    text = '{"input": "a", "target": "b", "metadata": {"talk": {"id": 9}}}\n{"input": "c", "target": "d"}'
    found = items(tmp_path, "items.jsonl", text, "analysis: {cluster: metadata.talk.id}")
    assert [item.cluster for item in found] == ["9", None]


# ── CSV ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

CSV = """\
q,__expected,__expected2,__metric,__threshold,__description,__metadata:lang,__metadata:tags[]
"Say ""hi"", twice","contains-any(0.5):hi, ho",not-regex:^x,greeting,0.5,first,de,"a,b"

time,Note: 12:30,,,,,,
"""


def test_csv_in_promptfoos_columns(tmp_path: Path) -> None:
    files = {"eval.yaml": "targets: [auto]\nprompts: ['{{q}}']\ntests: t.csv", "t.csv": CSV}
    first, second = read(tmp_path, files).items
    assert first.body["messages"][0]["content"] == 'Say "hi", twice'
    assert (first.threshold, first.metadata) == (
        0.5,
        {"lang": "de", "tags": ["a", "b"], "description": "first"},
    )
    assert first.expectations == (
        Expectation(scorer="contains-any", value=["hi", "ho"], threshold=0.5, metric="greeting", line=2),
        Expectation(scorer="regex", value="^x", negated=True, metric="greeting", line=2),
    )
    assert second.expectations == (Expectation(scorer="equals", value="Note: 12:30", line=4),)


def test_a_cell_may_hold_any_line_end(tmp_path: Path) -> None:
    """Also those that only Unicode knows; a row still ends where CSV says."""
    found = items(tmp_path, "t.csv", 'input,target\r\n"a\r\nb",x\r\nc\u2028d,y\r\n')
    assert [(item.variables["input"], item.line) for item in found] == [("a\nb", 2), ("c\u2028d", 4)]


@pytest.mark.parametrize(
    ("cell", "scorer", "value"),
    [
        ("Paris", "equals", "Paris"),
        ("is-json", "is-json", None),
        ("human", "equals", "human"),
        ("contains: a: b", "contains", "a: b"),
        ("grade: is kind", "llm-rubric", "is kind"),
        ("https://example.org", "equals", "https://example.org"),
    ],
)
def test_the_short_form_of_an_expectation(tmp_path: Path, cell: str, scorer: str, value: str | None) -> None:
    more = "judges: {j: {model: auto}}"
    files = {
        "eval.yaml": f"targets: [auto]\nprompts: ['{{{{q}}}}']\ntests: t.csv\n{more}",
        "t.csv": f'q,__expected\nx,"{cell}"\n',
    }
    (expectation,) = read(tmp_path, files).items[0].expectations
    assert (expectation.scorer, expectation.value) == (scorer, value)


def test_a_type_with_a_slip_is_told_and_not_taken_for_the_right_answer(tmp_path: Path) -> None:
    told = problems(tmp_path, "t.csv", "input,target,__expected\na,x,contain:Paris\nb,x,note: 4\n")
    assert "t.csv: line 2: assert[0].type: 'contain': nobody measures this; did you mean 'contains'?" in told
    assert "line 3" not in told


# ── Broken ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("{bad", "items.jsonl: line 2: not JSON"),
        ("[1]", "items.jsonl: line 2: an item is a table with `input` or `vars`, not [1]"),
        ("null", "items.jsonl: line 2: nothing is asked"),
        ('{"input": 5}', "items.jsonl: line 2: input: expected text in quotes or a list, not a whole number"),
        ('{"input": ""}', "items.jsonl: line 2: input: the text is empty"),
        ('{"input": []}', "items.jsonl: line 2: input: the list is empty"),
        ('{"target": "x"}', "line 2: nothing is asked: give it an `input`, or the evaluation a prompt"),
        ('{"input": "x"}', "line 2: contains: {{target}}: the item's vars have no such value"),
        ('{"input": "x", "target": "y", "weight": 0}', "line 2: weight: 0 is too small"),
        ('{"input": "x", "question": "y", "target": "z"}', "line 2: question: says again what 'input' says"),
        ('{"input": [{"role": "king", "content": "x"}], "target": "t"}', "line 2: no client could send this"),
        (
            '{"input": "x", "target": "t", "config": {"model": "y"}}',
            "config.model: set by the evaluation itself",
        ),
        ('{"input": "x", "target": "t", "vars": {"n": 99999999999999999999}}', "more than 64 bits"),
        (
            '{"input": "x", "target": "t", "vars": {"f": "file://../../etc/passwd"}}',
            "outside the evaluation's",
        ),
        ('{"input": "x", "target": "t", "vars": {"f": "file:///etc/passwd"}}', "outside the evaluation's"),
        (
            '{"input": "x", "target": "t", "assert": [{"type": "contain", "value": "x"}]}',
            "did you mean 'contains'?",
        ),
        ('{"input": "x", "target": "t", "assert": [{"type": "javascript", "value": "1"}]}', "never done"),
        ('{"input": "x", "target": "t", "assert": [{"type": "contains"}]}', "assert[0]: value is missing"),
        ('{"input": "x", "target": "t", "assert": ["contains:x"]}', "assert[0]: expected a table"),
        (
            '{"input": "x", "target": "t", "assert": [{"type": "regex", "value": "{{a | b}}"}]}',
            "only {{name}}",
        ),
        (
            '{"input": "x", "target": "t", "assert": [{"type": "regex", "value": "{{env.KEY}}"}]}',
            "is not read",
        ),
    ],
)
def test_a_broken_line_is_named_with_what_is_wrong(tmp_path: Path, row: str, complaint: str) -> None:
    assert complaint in problems(tmp_path, "items.jsonl", f'{{"input": "ok", "target": "ok"}}\n{row}\n')


def test_every_broken_line_is_named_up_to_fifty(tmp_path: Path) -> None:
    told = problems(tmp_path, "items.jsonl", "{\n" * 70).splitlines()
    assert len(told) == 51
    assert told[49].startswith("items.jsonl: line 50: ")
    assert told[50] == "and 20 more problems; mend these first"


def test_twins_are_refused_with_both_lines(tmp_path: Path) -> None:
    told = problems(tmp_path, "items.jsonl", '{"input": "a", "target": "b"}\n{"target": "b", "input": "a"}')
    assert "items.jsonl: line 2: the id" in told
    assert "is that of items.jsonl: line 1 already" in told


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "t.csv: is empty"),
        ("a,a\n1,2\n", "line 1: the column 'a' has no name of its own"),
        ("a,__expect\n1,2\n", "line 1: the column '__expect' is not known"),
        ("input,target\n1,2,3\n", "t.csv: line 2: 3 fields under 2 columns"),
        ('input,target\na,"b\n', "t.csv: line 2: not CSV"),
        ("input,target,__threshold\na,b,high\n", "t.csv: line 2: threshold: expected a number"),
        (
            "input,target,__config:__expected:threshold\na,b,1\n",
            "line 2: __config:__expected:threshold is given",
        ),
    ],
)
def test_a_broken_table_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    assert complaint in problems(tmp_path, "t.csv", text)


def test_items_of_several_files(tmp_path: Path) -> None:
    files = {
        "eval.yaml": evaluation("'parts/*.jsonl'"),
        "parts/b.jsonl": '{"input": "b", "target": "x"}',
        "parts/a.jsonl": '{"input": "a", "target": "x"}',
        "parts/c.txt": "not this",
    }
    assert [messages[0]["content"] for messages in asked(read(tmp_path, files))] == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("gone.jsonl", "line 2: tests: gone.jsonl: no such file"),
        ("gone/*.jsonl", "'gone/*.jsonl': no file is called so"),
        ("a**b", "'a**b': no "),  # pattern of file names; since Python 3.13 it is one, of no file's name
        ("items.xlsx", "items.xlsx: items come from .jsonl, .csv, .yaml or .json"),
        ("traffic://last-7d", "traffic cannot be read here; `tiercel eval capture`"),
        ("[]", "line 2: tests: there is no item in it"),
    ],
)
def test_items_that_are_not_there(tmp_path: Path, name: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, {"eval.yaml": evaluation(name if name == "[]" else f"'{name}'")})
    assert complaint in str(caught.value)


def test_items_that_nothing_measures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="1 of 1 items are measured by nothing"):
        read(tmp_path, {"eval.yaml": "targets: [auto]\ntests: [{input: hi}]"})
