"""Inspect's logs and samples, by its documented schema: items, and the answers as a run."""

import io
import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest

from tests.evals.importing.scene import brought, reread
from tiercel.domain.errors import ConfigError
from tiercel.evals.importing import Imported


def sample(number: int, value: object = "C", **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "epoch": 1,
        "input": f"What is {number}?",
        "target": str(number),
        "messages": [],
        "output": {
            "model": "gpt-x-2026",
            "choices": [
                {"message": {"role": "assistant", "content": f"It is {number}"}, "stop_reason": "stop"}
            ],
            "time": 1.5,
        },
        "scores": {"includes": {"value": value, "explanation": "because"}},
        "metadata": {"topic": "numbers"},
        "model_usage": {
            "openai/gpt-x": {"input_tokens": 10, "output_tokens": 5, "input_tokens_cache_read": 2}
        },
        **more,
    }


def log(*samples: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": 2,
        "status": "success",
        "eval": {"task": "numbers", "model": "openai/gpt-x", "created": "2026-05-01T10:00:00+00:00"},
        "stats": {"started_at": "2026-05-01T10:00:00+00:00", "completed_at": "2026-05-01T10:01:00+00:00"},
        "samples": list(samples),
    }


def archived(whole: dict[str, Any]) -> bytes:
    """As `.eval` files are laid out."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", json.dumps({k: v for k, v in whole.items() if k != "samples"}))
        for one in whole["samples"]:
            archive.writestr(f"samples/{one['id']}_epoch_{one['epoch']}.json", json.dumps(one))
        archive.writestr("summaries.json", "[]")
    return content.getvalue()


def packed(archive: bytes) -> bytes:
    """The archive with its files packed by Zstandard, as Inspect packs them; Python cannot write such yet."""
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    locals_, central = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source:
        infos = source.infolist()
        for info in infos:
            raw = source.read(info)
            small: bytes = pyarrow.compress(raw, codec="zstd", asbytes=True)
            name, place = info.filename.encode(), locals_.tell()
            shared = struct.pack("<3H3I2H", 93, 0, 33, zlib.crc32(raw), len(small), len(raw), len(name), 0)
            locals_.write(struct.pack("<4s2H", b"PK\3\4", 63, 0) + shared + name + small)
            central.write(struct.pack("<4s3H", b"PK\1\2", 63, 63, 0) + shared)
            central.write(struct.pack("<3H2I", 0, 0, 0, 0, place) + name)
    start, size, count = locals_.tell(), central.tell(), len(infos)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, size, start, 0)
    return locals_.getvalue() + central.getvalue() + end


def of_log(folder: Path, whole: dict[str, Any], ending: str = "json", *, packs: bool = False) -> Imported:
    content: dict[str, str | bytes] = {
        "log.json": json.dumps(whole),
        "log.eval": packed(archived(whole)) if packs else archived(whole),
    }
    return brought(folder, "inspect", f"log.{ending}", content)


@pytest.mark.parametrize(("ending", "packs"), [("json", False), ("eval", False), ("eval", True)])
def test_a_log_becomes_items_and_a_run(tmp_path: Path, ending: str, packs: bool) -> None:
    whole = log(sample(1), sample(2, "I"), sample(1, 0.25, epoch=2))
    imported = of_log(tmp_path, whole, ending, packs=packs)
    read = reread(tmp_path, imported)
    assert [(item.id, item.target, item.metadata) for item in read.items] == [
        ("1", ("1",), {"topic": "numbers"}),
        ("2", ("2",), {"topic": "numbers"}),
    ]
    assert [(one.scorer, one.value) for one in read.items[0].expectations] == [("icontains-any", ["1"])]
    (run,) = imported.runs
    assert (run.started_at, run.finished_at) == (1777629600.0, 1777629660.0)
    assert [(r.key, r.state, r.score, r.output) for r in run.results] == [
        (("1", "openai/gpt-x", 1), "passed", 1.0, "It is 1"),
        (("2", "openai/gpt-x", 1), "failed", 0.0, "It is 2"),
        (("1", "openai/gpt-x", 2), "failed", 0.25, "It is 1"),
    ]
    first = run.results[0]
    assert (first.seconds, first.input_tokens, first.output_tokens, first.finish, first.model_returned) == (
        1.5,
        12,
        5,
        "stop",
        "gpt-x-2026",
    )
    assert run.evaluation.hash


@pytest.mark.parametrize(
    ("more", "kind", "reason"),
    [
        ({"error": {"message": "no connection"}}, "provider", "no connection"),
        ({"scores": {"includes": {"value": {"a": 1}}}}, "scorer", "\"{'a': 1}\" is no score from 0 to 1"),
        ({"scores": {}}, "scorer", "the log has no score"),
    ],
)
def test_what_was_not_measured_is_an_error(
    tmp_path: Path, more: dict[str, Any], kind: str, reason: str
) -> None:
    """Nothing is learned from it of the model."""
    (run,) = of_log(tmp_path, log(sample(1), sample(2, **more))).runs
    assert (run.results[1].state, run.results[1].kind, run.results[1].reason) == ("error", kind, reason)


def test_attachments_are_put_back(tmp_path: Path) -> None:
    long = sample(1, input="attachment://abc", attachments={"abc": "a long question"})
    assert of_log(tmp_path, log(long)).rows[0]["input"] == "a long question"


def test_messages_of_several_parts(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "see"}, {"type": "image", "image": "data:image/png;base64,AAAA"}]
    asked = sample(1, input=[{"role": "user", "content": parts, "source": "input"}])
    (message,) = of_log(tmp_path, log(asked)).rows[0]["input"]
    assert message["content"] == [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    ]


def test_what_stays_behind_is_told(tmp_path: Path) -> None:
    video = sample(2, input=[{"role": "user", "content": [{"type": "video", "video": "x"}]}])
    scores = {"includes": {"value": "C"}, "my_own": {"value": 1}}
    whole = log(sample(1, scores=scores, sandbox="docker"), video)
    steps = {"steps": [{"solver": "system_message"}, {"solver": "generate"}]}
    left = of_log(tmp_path, {**whole, "plan": steps}).left
    assert [line.removeprefix("log.json: ") for line in left] == [
        "the solvers system_message are Python; what is asked is each sample's input alone",
        "samples bring `sandbox` for a sandbox; there is none here",
        "sample 2: its input cannot be put into a request",
        "the scorer 'my_own' is Python; say in `defaultTest` what stands in its place",
    ]


def test_samples_in_lines(tmp_path: Path) -> None:
    text = '{"input": "Which?", "choices": ["a", "b"], "target": "B", "id": "x"}\n'
    read = reread(tmp_path, brought(tmp_path, "inspect", "s.jsonl", {"s.jsonl": text}))
    assert read.items[0].expectations[0].scorer == "choice"
    assert "B) b" in read.items[0].body["messages"][0]["content"]


def damaged() -> bytes:
    """A packed archive in which a byte of a sample fell over."""
    content = bytearray(packed(archived(log(sample(1)))))
    place = content.index(b"samples/1_epoch_1.json") + 60
    content[place] ^= 0xFF
    return bytes(content)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("log.json", b"{}", "has no `eval`"),
        ("log.json", json.dumps(log()).encode(), "the log holds no samples"),
        ("log.eval", b"no archive", "is no archive"),
        ("log.eval", archived({"samples": []}), "has no header"),
        ("log.eval", archived(log(sample(1)))[:-200], "is no archive, or a damaged one"),
        ("log.eval", damaged(), "damaged one: samples/1_epoch_1.json"),
        ("log.txt", b"", "logs are read as"),
        ("s.jsonl", b"{}\n{bad", "line 2: not JSON"),
    ],
)
def test_what_is_no_log_is_refused(tmp_path: Path, name: str, content: bytes, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        brought(tmp_path, "inspect", name, {name: content})
