"""Whatever a file holds, an import makes something of it or says what is wrong: never another exception."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.evals.files.scene import SURROUNDINGS
from tests.evals.odd_values import ODD, changed, places
from tiercel.domain.errors import ConfigError
from tiercel.evals.importing import SOURCES, import_file

ENDINGS = {
    "promptfoo": ("yaml", "json", "csv"),
    "openai-evals": ("yaml", "jsonl"),
    "inspect": ("json", "eval", "jsonl"),
    "langfuse": ("json", "csv", "jsonl"),
    "langsmith": ("json", "csv", "jsonl"),
    "csv": ("csv",),
}
FILES = [(source, ending) for source in SOURCES for ending in ENDINGS[source]]
TIMES = "2026-01-01T00:00:00+00:00"
GOOD: dict[tuple[str, str], Any] = {
    ("promptfoo", "json"): {
        "description": "d",
        "prompts": ["{{q}}", {"raw": "x {{q}}", "label": "l"}],
        "providers": ["openai:x", {"id": "a:chat:b", "label": "l", "config": {"temperature": 0}}],
        "defaultTest": {"vars": {"a": "b"}, "options": {"provider": "openai:j"}, "assert": []},
        "tests": [
            {
                "vars": {"q": ["a", "b"]},
                "description": "d",
                "metadata": {"m": 1},
                "threshold": 0.5,
                "assert": [
                    {"type": "contains", "value": "x", "weight": 2, "metric": "m", "threshold": 1},
                    {"type": "factuality", "value": "x", "provider": "openai:k"},
                    {"type": "assert-set", "assert": [{"type": "not-equals", "value": "x"}]},
                    {"$ref": "#/assertionTemplates/t"},
                ],
            }
        ],
        "assertionTemplates": {"t": {"type": "regex", "value": "x"}},
        "evaluateOptions": {"maxConcurrency": 1, "repeat": 1, "cache": True, "timeoutMs": 1},
    },
    ("inspect", "json"): {
        "eval": {"model": "a/b", "task": "t", "created": TIMES},
        "plan": {"steps": [{"solver": "s"}]},
        "stats": {"started_at": TIMES, "completed_at": TIMES},
        "samples": [
            {
                "id": 1,
                "epoch": 1,
                "input": [{"role": "user", "content": [{"type": "text", "text": "q"}]}],
                "target": ["a"],
                "choices": ["a", "b"],
                "metadata": {"m": 1},
                "scores": {"includes": {"value": "C", "explanation": "e"}},
                "output": {
                    "model": "m",
                    "choices": [{"message": {"content": "a"}, "stop_reason": "stop"}],
                    "time": 1.0,
                },
                "model_usage": {"m": {"input_tokens": 1, "output_tokens": 1}},
                "attachments": {"a": "b"},
            }
        ],
    },
    ("langfuse", "json"): [
        {"id": "a", "input": {"messages": [{"role": "user", "content": "q"}]}, "expectedOutput": {"a": "b"}},
        {"input": "q", "expectedOutput": "x", "metadata": {"m": 1}, "status": "ACTIVE"},
    ],
    ("langsmith", "json"): [
        {
            "inputs": {"input": [{"id": ["HumanMessage"], "kwargs": {"content": "q"}}]},
            "outputs": {"content": "x"},
        },
        {"inputs": {"a": 1, "b": "c"}, "outputs": {"o": "x"}, "metadata": {"m": 1}, "split": "s"},
    ],
    ("openai-evals", "jsonl"): {
        "input": [{"role": "user", "content": "q"}],
        "ideal": ["a", "b"],
        "metadata": {"m": 1},
    },
    ("openai-evals", "yaml"): {
        "t": {"id": "t.v0", "description": "d"},
        "t.v0": {
            "class": "a:ModelBasedClassify",
            "args": {"samples_jsonl": "samples.jsonl", "max_tokens": 1, "modelgraded_spec": "fact"},
        },
    },
}
FEW = hypothesis_settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def bring(folder: Path, source: str, ending: str, content: bytes) -> int:
    """Import it, and write what it became. How many rows it has; 0 where it was refused."""
    (folder / "samples.jsonl").write_text('{"input": "q", "ideal": "a"}')
    path = folder / f"file.{ending}"
    path.write_bytes(content)
    with suppress(ConfigError):
        imported = import_file(source, path, SURROUNDINGS)
        assert imported.evaluation_text()
        assert imported.items_text().count("\n") == len(imported.rows)
        assert msgspec.json.encode(imported.runs)
        return len(imported.rows)
    return 0


@pytest.mark.parametrize(("source", "ending"), FILES)
@given(content=st.binary(max_size=200))
@FEW
def test_bytes(tmp_path: Path, source: str, ending: str, content: bytes) -> None:
    bring(tmp_path, source, ending, content)


@pytest.mark.parametrize(("source", "ending"), GOOD)
@given(data=st.data())
@FEW
def test_a_value_of_another_type_anywhere(
    tmp_path: Path, source: str, ending: str, data: st.DataObject
) -> None:
    good = GOOD[source, ending]
    path = data.draw(st.sampled_from(list(places(good))))
    bring(tmp_path, source, ending, msgspec.json.encode(changed(good, path, data.draw(ODD))))


@pytest.mark.parametrize(("source", "ending"), GOOD)
def test_the_unchanged_ones_are_imported(tmp_path: Path, source: str, ending: str) -> None:
    assert bring(tmp_path, source, ending, msgspec.json.encode(GOOD[source, ending]))
