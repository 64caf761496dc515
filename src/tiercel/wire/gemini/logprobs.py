"""Log probabilities: Gemini's two parallel lists, and the list of tokens that our nouns carry (Chat Completions')."""

from tiercel.domain.json import Json, JsonObject


def read_logprobs(value: Json) -> Json:
    """`logprobsResult` as `{"content": [{token, logprob, bytes, top_logprobs}]}`, `None` where there is none."""
    chosen = value.get("chosenCandidates") if isinstance(value, dict) else None
    if not isinstance(chosen, list) or not chosen:
        return None
    tops = value.get("topCandidates")
    tops = tops if isinstance(tops, list) else []
    content = []
    for index, item in enumerate(chosen):
        entry = _read_token(item)
        if entry is not None:
            top = tops[index] if index < len(tops) else None
            listed = top.get("candidates") if isinstance(top, dict) else None
            others = [_read_token(other) for other in listed] if isinstance(listed, list) else []
            content.append({**entry, "top_logprobs": [other for other in others if other is not None]})
    return {"content": content}


def write_logprobs(value: Json) -> JsonObject | None:
    """The inverse, `None` where there is nothing to write."""
    content = value.get("content") if isinstance(value, dict) else None
    if not isinstance(content, list) or not content:
        return None
    entries = _objects(content)
    return {
        "chosenCandidates": [_written_token(entry) for entry in entries],
        "topCandidates": [
            {"candidates": [_written_token(top) for top in _objects(entry.get("top_logprobs"))]}
            for entry in entries
        ],
    }


def _read_token(item: Json) -> JsonObject | None:
    if not isinstance(item, dict):
        return None
    token, logprob = item.get("token"), item.get("logProbability")
    if not isinstance(token, str) or not isinstance(logprob, int | float):
        return None
    return {"token": token, "logprob": logprob, "bytes": list(token.encode("utf-8", "replace"))}


def _objects(value: Json) -> list[JsonObject]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _written_token(entry: JsonObject) -> JsonObject:
    return {"token": entry.get("token"), "logProbability": entry.get("logprob")}
