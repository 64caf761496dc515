"""Inspect AI's logs (`.json`, and the `.eval` archive) and its samples in JSON Lines.

A log gives the samples and, as a run that can be compared, the answers with the scores that they got there. The task's
solvers and scorers are Python and stay behind.
"""

from datetime import datetime
from pathlib import Path

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.domain.json import Json, JsonObject
from tiercel.evals.evaluation import Candidate, Evaluation, Expectation, Item
from tiercel.evals.files.documents import Document, parse_json, read_whole
from tiercel.evals.files.evaluation_file import hash_of
from tiercel.evals.files.rows import texts_of
from tiercel.evals.files.sources import LINES
from tiercel.evals.importing.imported import Carrying, Imported, Run, with_own_ids, without_empty
from tiercel.evals.importing.inspect_archive import read_archive
from tiercel.evals.importing.inspect_results import result_of, scorer_names
from tiercel.evals.importing.lines import read_lines

SOURCE = "inspect"
LEFT = ("sandbox", "files", "setup")
"""What a sample brings along for its sandbox."""
INSTEAD = {
    "match": [{"type": "icontains-any", "value": "{{targets}}"}],
    "includes": [{"type": "icontains-any", "value": "{{targets}}"}],
    "exact": [{"type": "equals"}],
    "choice": [{"type": "choice"}],
}
"""Scorers of Inspect that something here comes near."""
NEAR = "the scorer {} becomes {}, which comes near it; see docs/evals/import-export.md"


def import_inspect(path: Path) -> Imported:
    """What the log or the samples become. Raises `ConfigError` where the file is neither."""
    suffix = path.suffix.lower()
    carrying = Carrying(Document(name=path.name, value=None))
    if suffix in LINES:
        return _of_samples(path, read_lines(path), carrying)
    if suffix == ".eval":
        return _of_log(path, read_archive(path), carrying)
    if suffix != ".json":
        raise ConfigError(f"{path.name}: logs are read as .json or .eval, samples as .jsonl")
    value = parse_json(read_whole(path).encode(), path.name)
    if isinstance(value, list) and all(isinstance(one, dict) for one in value):
        return _of_samples(path, value, carrying)
    if not isinstance(value, dict) or not isinstance(value.get("eval"), dict):
        raise ConfigError(f"{path.name}: has no `eval`, so this is no log of Inspect")
    return _of_log(path, value, carrying)


def _of_samples(path: Path, samples: list[JsonObject], carrying: Carrying) -> Imported:
    rows = _rows(path, samples, carrying)
    carrying.leave((), "the task (its solvers and scorers) is Python and not in the samples")
    scorer = "choice" if rows and all("choices" in row for row in rows) else "includes"
    return _imported(path, rows, ["auto"], [scorer], carrying, path.stem)


def _of_log(path: Path, log: JsonObject, carrying: Carrying) -> Imported:
    spec: JsonObject = log["eval"]
    listed = log.get("samples")
    samples = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    if not samples:
        raise ConfigError(f"{path.name}: the log holds no samples; it was written without them")
    first = [sample for sample in samples if sample.get("epoch", 1) == 1]
    names = scorer_names(samples)
    solvers = _solvers(log)
    if solvers:
        carrying.leave(
            (), f"the solvers {', '.join(solvers)} are Python; what is asked is each sample's input alone"
        )
    rows = _rows(path, first, carrying)
    model = str(spec.get("model") or "unknown")
    carrying.note(f"the candidate is {model!r}, as the log has it; name a model of yours before a run")
    imported = _imported(
        path, rows, [model.rpartition("/")[2]], names, carrying, str(spec.get("task") or path.stem)
    )
    run = _run(log, model, samples, names, imported)
    return msgspec.structs.replace(imported, runs=(run,), left=carrying.left, notes=carrying.notes)


def _solvers(log: JsonObject) -> list[str]:
    """What was done beside asking the model."""
    plan = log.get("plan")
    steps = plan.get("steps") if isinstance(plan, dict) else None
    listed = steps if isinstance(steps, list) else []
    names = [str(step.get("solver")) for step in listed if isinstance(step, dict)]
    return [name for name in names if name != "generate"]


def _rows(path: Path, samples: list[JsonObject], carrying: Carrying) -> list[JsonObject]:
    rows: list[JsonObject] = []
    for number, sample in enumerate(samples, 1):
        where = f"sample {sample.get('id', number)!r}"
        asked = _input(resolved(sample.get("input"), sample))
        if not asked:
            carrying.leave((), f"{where}: its input cannot be put into a request", file=path.name)
            continue
        for key in LEFT:
            if sample.get(key):
                carrying.leave((), f"samples bring `{key}` for a sandbox; there is none here")
        name, choices, metadata = sample.get("id"), sample.get("choices"), sample.get("metadata")
        rows.append(
            without_empty(
                {
                    "id": name if isinstance(name, str | int) else None,
                    "input": asked,
                    "target": list(texts_of(sample.get("target"))),
                    "choices": list(texts_of(choices)) if isinstance(choices, list) else None,
                    "metadata": metadata if isinstance(metadata, dict) else None,
                }
            )
        )
    return rows


def _input(value: Json) -> Json:
    """A text, or messages in a client's form; `None` where a part of one has none."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        return None
    messages: list[JsonObject] = []
    for message in value:
        content = _content(message.get("content")) if isinstance(message, dict) else None
        if content is None or message.get("role") not in ("system", "user", "assistant"):
            return None
        messages.append({"role": message["role"], "content": content})
    return messages


def _content(content: Json) -> Json:
    if isinstance(content, str):
        return content
    parts: list[JsonObject] = []
    for part in content if isinstance(content, list) else ():
        match part:
            case {"type": "text", "text": str(text)}:
                parts.append({"type": "text", "text": text})
            case {"type": "image", "image": str(url)} if url.startswith(("data:", "https:", "http:")):
                parts.append({"type": "image_url", "image_url": {"url": url}})
            case {"type": "reasoning"}:
                continue
            case _:
                return None
    return parts or None


def resolved(value: Json, sample: JsonObject) -> Json:
    """The value with what the log keeps apart as attachments put back."""
    attachments = sample.get("attachments")
    if not isinstance(attachments, dict) or not attachments:
        return value
    match value:
        case str() if value.startswith("attachment://"):
            return attachments.get(value.removeprefix("attachment://"), value)
        case list():
            return [resolved(one, sample) for one in value]
        case dict():
            return {key: resolved(one, sample) for key, one in value.items()}
        case _:
            return value


def _imported(
    path: Path, rows: list[JsonObject], targets: list[str], scorers: list[str], carrying: Carrying, name: str
) -> Imported:
    expectations: list[JsonObject] = []
    for scorer in scorers:
        own = scorer.rpartition("/")[2]
        if own in INSTEAD:
            expectations += INSTEAD[own]
            carrying.note(NEAR.format(scorer, ", ".join(one["type"] for one in INSTEAD[own])))
        else:
            carrying.leave(
                (), f"the scorer {scorer!r} is Python; say in `defaultTest` what stands in its place"
            )
    evaluation: JsonObject = {
        "description": name,
        "targets": targets,
        "tests": "items.jsonl",
        "defaultTest": without_empty({"assert": expectations}),
    }
    return Imported(
        source=SOURCE,
        name=path.name,
        evaluation=without_empty(evaluation),
        rows=with_own_ids(rows),
        left=carrying.left,
        notes=carrying.notes,
    )


def _run(log: JsonObject, model: str, samples: list[JsonObject], names: list[str], imported: Imported) -> Run:
    """The answers that the log holds, as a run under the ids of the imported items."""
    items = tuple(_item(row, names) for row in imported.rows if "id" in row)
    known = {item.id for item in items}
    evaluation = Evaluation(
        name=str(imported.evaluation.get("description", "")),
        description=f"imported from {imported.name}",
        candidates=(Candidate(id=model, address=model),),
        items=items,
    )
    evaluation = msgspec.structs.replace(evaluation, hash=hash_of(evaluation))
    stats = log["stats"] if isinstance(log.get("stats"), dict) else {}
    started = _unix(stats.get("started_at")) or _unix(log["eval"].get("created")) or 0.0
    results = [
        result_of(sample, model, names, started) for sample in samples if str(sample.get("id")) in known
    ]
    return Run(
        evaluation=evaluation,
        results=tuple(results),
        started_at=started,
        finished_at=_unix(stats.get("completed_at")),
    )


def _item(row: JsonObject, names: list[str]) -> Item:
    asked = row["input"]
    messages = asked if isinstance(asked, list) else [{"role": "user", "content": asked}]
    return Item(
        id=str(row["id"]),
        body={"messages": messages},
        target=tuple(row.get("target", ())),
        choices=tuple(map(str, row.get("choices", ()))),
        expectations=tuple(Expectation(scorer=name) for name in names),
        metadata=row.get("metadata") or {},
    )


def _unix(text: Json) -> float | None:
    """A time of the log in Unix seconds."""
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return None
