"""An eval of OpenAI's registry (`evals/registry/evals/NAME.yaml` with its samples), or its samples alone."""

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.domain.json import Json, JsonObject
from tiercel.evals.files.documents import DATA, Document, read_document
from tiercel.evals.files.rows import texts_of
from tiercel.evals.importing.imported import Carrying, Imported, with_own_ids, without_empty
from tiercel.evals.importing.lines import read_lines

SOURCE = "openai-evals"
CLASSES = ("Match", "Includes", "FuzzyMatch", "JsonMatch", "ModelBasedClassify")
KNOWN_ARGS = frozenset(("samples_jsonl", "ignore_case", "max_tokens", "modelgraded_spec", "eval_type"))
FIELD = re.compile(r"\{(\w+)\}")
OUR_NAMES = {"ideal": "{{target}}", "input": "(the question)", "completion": "(the answer)"}
PASSES = 1
"""What a choice of a spec must be worth."""
SAMPLE_KEYS = frozenset(("input", "ideal", "id", "metadata"))
NOTES = {
    "Includes": "",
    "Match": "",
    "FuzzyMatch": "FuzzyMatch becomes icontains-any: upper and lower case are the same; articles and punctuation "
    "count, and an answer that is only a part of the ideal does not pass",
    "JsonMatch": "JsonMatch becomes equals on JSON: the answer must be nothing but the JSON",
    "ModelBasedClassify": "ModelBasedClassify becomes llm-rubric: its question is asked with Tiercel's prompt; say in "
    "it which choices pass, where the spec's scores do not; `judges.judge` is `auto`: name a model that is none of the "
    "candidates",
    "samples": "a file of samples says nothing of how answers are measured: an answer passes that holds one of the "
    "ideals, upper and lower case alike",
}


def import_openai_evals(path: Path, name: str | None = None) -> Imported:
    """What this eval becomes; `name` says which, where the file has several. Raises `ConfigError`."""
    if path.suffix.lower() not in DATA or path.suffix.lower() == ".json":
        document = Document(name=path.name, value={})
        return _imported(document, {"class": "samples", "args": {}}, "", path, Carrying(document))
    document = read_document(path, path.name)
    chosen, entry = _entry(document, name)
    carrying = Carrying(document)
    args = entry.get("args") if isinstance(entry.get("args"), dict) else {}
    for key in args or {}:
        if key not in KNOWN_ARGS:
            carrying.leave((chosen, "args", key), "there is nothing like it here")
    samples = _find_samples(path, args.get("samples_jsonl") if args else None)
    return _imported(document, {**entry, "args": args or {}}, chosen, samples, carrying)


def _entry(document: Document, name: str | None) -> tuple[str, JsonObject]:
    """The eval with a class, by its own name or by that which points to it, as `oaieval` takes it. Raises `ConfigError`
    where there is none, or several and none was named."""
    value = document.value if isinstance(document.value, dict) else {}
    found = {
        key: entry
        for key, entry in value.items()
        if isinstance(entry, dict) and isinstance(entry.get("class"), str)
    }
    if not found:
        raise ConfigError(f"{document.name}: no entry has a `class`, so this is no eval of OpenAI's registry")
    if name is None and len(found) > 1:
        raise ConfigError(f"{document.name}: has several evals; say which with --name: {', '.join(found)}")
    pointing = value.get(name or "")
    version = pointing.get("id") if isinstance(pointing, dict) else None
    chosen = str(version) if version in found else name or next(iter(found))
    if chosen not in found:
        raise ConfigError(f"{document.name}: has no eval {chosen!r}; there are {', '.join(found)}")
    return chosen, found[chosen]


def _described(document: Document, name: str) -> str:
    """The description of the entry that points to this one, else its name."""
    entries = document.value.values() if isinstance(document.value, dict) else ()
    pointing = [one for one in entries if isinstance(one, dict) and one.get("id") == name]
    return str(pointing[0].get("description") or name) if pointing else name


def _find_samples(path: Path, named: Json) -> Path:
    """Where the registry keeps them: in `data` beside the folder of the YAML. Raises `ConfigError`."""
    if not isinstance(named, str):
        raise ConfigError(f"{path.name}: the eval names no samples_jsonl")
    tried = [path.parent / named, path.parent.parent / "data" / named, path.parent / "data" / named]
    found = next((one for one in tried if one.is_file()), None)
    if found is None:
        raise ConfigError(f"{path.name}: samples_jsonl {named!r} is at none of {', '.join(map(str, tried))}")
    return found


def _imported(
    document: Document, entry: JsonObject, name: str, samples: Path, carrying: Carrying
) -> Imported:
    kind = str(entry["class"]).rpartition(":")[2].rpartition(".")[2]
    args: JsonObject = entry["args"]
    if NOTES.get(kind):
        carrying.note(NOTES[kind])
    rows: list[JsonObject] = []
    for number, sample in enumerate(read_lines(samples), 1):
        row = _row(sample, kind, args, carrying, samples.name, number)
        if row is not None:
            rows.append(row)
    if kind not in CLASSES and kind != "samples":
        carrying.leave(
            (name, "class"),
            f"{entry['class']!r} is a program; say in `defaultTest` what an answer is measured by",
        )
    evaluation: JsonObject = {
        "description": entry.get("description") or _described(document, name),
        "targets": ["auto"],
        "tests": "items.jsonl",
        "defaultTest": _default(kind, args, name, document, samples, carrying),
        "judges": {"judge": {"model": "auto"}} if kind == "ModelBasedClassify" else {},
    }
    carrying.note("who is compared is not in the file: `targets` is `auto`; name the models")
    return Imported(
        source=SOURCE,
        name=document.name,
        evaluation=without_empty(evaluation),
        rows=with_own_ids(rows),
        left=carrying.left,
        notes=carrying.notes,
    )


def _row(
    sample: JsonObject, kind: str, args: JsonObject, carrying: Carrying, file: str, number: int
) -> JsonObject | None:
    asked = sample.get("input")
    variables = {key: value for key, value in sample.items() if key not in SAMPLE_KEYS}
    if not asked and not variables:
        carrying.leave((), "has no input", file=file, line=number)
        return None
    ideals = texts_of(sample.get("ideal"))
    row: JsonObject = {
        "id": sample.get("id"),
        "input": _messages(asked),
        "target": list(ideals),
        "vars": variables,
        "metadata": sample.get("metadata"),
    }
    if kind in ("Match", "Includes", "FuzzyMatch", "JsonMatch", "samples"):
        if not ideals:
            carrying.leave((), "has no ideal answer", file=file, line=number)
            return None
        row["assert"] = [_expectation(kind, ideals, ignore_case=bool(args.get("ignore_case")))]
    return without_empty(row)


def _messages(asked: Json) -> Json:
    """Messages, without the names that mark examples in some samples."""
    if not isinstance(asked, list):
        return asked
    return [
        {key: value for key, value in message.items() if key in ("role", "content", "name")}
        for message in asked
        if isinstance(message, dict)
    ]


def _expectation(kind: str, ideals: Sequence[str], *, ignore_case: bool) -> JsonObject:
    match kind:
        case "Match" if len(ideals) == 1:
            return {"type": "starts-with", "value": ideals[0]}
        case "Match":
            return {"type": "regex", "value": rf"\A(?:{'|'.join(map(re.escape, ideals))})"}
        case "Includes":
            return {"type": "icontains-any" if ignore_case else "contains-any", "value": list(ideals)}
        case "JsonMatch":
            return {"type": "equals", "value": _json(ideals[0])}
        case _:
            return {"type": "icontains-any", "value": list(ideals)}


def _json(text: str) -> Json:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _default(
    kind: str, args: JsonObject, name: str, document: Document, samples: Path, carrying: Carrying
) -> JsonObject:
    found: JsonObject = {}
    if isinstance(args.get("max_tokens"), int):
        found["config"] = {"max_tokens": args["max_tokens"]}
    if kind == "ModelBasedClassify":
        question = _question(args.get("modelgraded_spec"), samples)
        if question is None:
            carrying.leave(
                (name, "args", "modelgraded_spec"),
                "its prompt was not found; write the rubric in `defaultTest.assert`",
            )
        else:
            found["assert"] = [{"type": "llm-rubric", "value": question, "judge": "judge"}]
    return found


def _question(spec: Json, samples: Path) -> str | None:
    """The prompt of a spec of the registry, with its fields as our names; `None` where there is none to read."""
    if not isinstance(spec, str) or not re.fullmatch(r"[\w.-]+", spec):
        return None
    for folder in samples.parents[:4]:
        path = folder / "modelgraded" / f"{spec}.yaml"
        if path.is_file():
            value = read_document(path, path.name).value
            table = value.get(spec, value) if isinstance(value, dict) else {}
            prompt = table.get("prompt") if isinstance(table, dict) else None
            if not isinstance(prompt, str):
                return None
            return f"{FIELD.sub(_our_name, prompt).strip()}{_rule(table.get('choice_scores'))}"
    return None


def _rule(scores: Json) -> str:
    """When an answer passes, where the spec says what its choices are worth."""
    worth = scores if isinstance(scores, dict) else {}
    good = [str(name) for name, score in worth.items() if isinstance(score, int | float) and score >= PASSES]
    return f"\n\nThe answer passes where the choice is {' or '.join(good)}." if good else ""


def _our_name(mark: re.Match[str]) -> str:
    """A field of a spec's prompt as a template of ours; the judge sees question and answer anyway."""
    return OUR_NAMES.get(mark[1], f"{{{{{mark[1]}}}}}")
