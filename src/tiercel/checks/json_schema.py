"""Is the answer JSON, and valid against the client's own schema? If not as it stands, then after a local repair?

A repair is delivered only where its result is strict JSON and valid. An answer that is valid as it stands is never
touched; where its escapes look like damaged LaTeX the reason says so.
"""

import asyncio
import json

import msgspec

from tiercel.checks.backslashes import shows_latex
from tiercel.checks.check import Ask, CheckInfo, Subject, option_problems, read_options
from tiercel.checks.isolated import Isolated
from tiercel.checks.json_repair import Candidate, candidates
from tiercel.checks.json_text import NotJSONError, parse_strict
from tiercel.checks.schemas import Finding, Prepared, SchemaError, compile_schema, examine, prepare
from tiercel.domain.climb import Verdict
from tiercel.domain.errors import CheckError
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import ModelRequest

NAME = "json_schema"

ANY_OBJECT = b'{"type":"object"}'
ANY_VALUE = b"true"
LONG_CHARS = 10_000
MAX_NULLS = 50
ONLY_JSON = "Answer again with the complete JSON only: no code fence and no text around it."


class JSONSchemaOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A schema of the policy's own, instead of the client's."""

    schema: JsonObject | bool | None = None


class Measured(msgspec.Struct, frozen=True):
    """The text that was found valid with its repairs, or the first finding against the likeliest text."""

    valid: Candidate | None = None
    finding: Finding | None = None
    not_json: str = ""


class JSONSchema:
    """1 if the text is strict JSON and valid, as it stands or after repairs; else 0."""

    info = CheckInfo(
        name=NAME,
        applies="json",
        summary="the answer is JSON and valid against the client's own schema, repaired where that is possible",
        options={"schema": "JSON Schema to validate every answer against, in place of the client's"},
        always_with="schema",
        reads_json=True,
    )

    def __init__(self, isolated: Isolated) -> None:
        self._isolated = isolated

    def problems(self, options: JsonObject) -> list[str]:
        found = option_problems(JSONSchemaOptions, options)
        schema = options.get("schema")
        if found or schema is None:
            return found
        try:
            prepared = prepare(msgspec.json.encode(schema))
            if prepared.validator is None:
                compile_schema(prepared.schema, linear=False)
        except SchemaError as error:
            return [f"{error}: {error.detail}" if error.detail else str(error)]
        return []

    async def measure(self, subject: Subject, options: JsonObject, ask: Ask | None) -> Verdict:
        if silent := subject.nothing_to_read:
            return Verdict(check=NAME, score=1.0, reason=silent)
        schema = wanted_schema(subject.request, read_options(JSONSchemaOptions, options))
        if schema is None:
            return Verdict(check=NAME, score=1.0, reason="no JSON asked for")
        try:
            prepared = prepare(schema)
        except SchemaError as error:
            raise CheckError(str(error)) from error
        text = subject.choice.text
        measured = await self._climb(text, prepared)
        if measured.valid is not None:
            return _passed(text, measured.valid)
        if subject.choice.finish.reason == "length" and measured.finding is None:
            whose = "the client's own cap" if subject.cut_by_client else "a length limit"
            message = f"The answer was cut off before the JSON ended. Be more brief. {ONLY_JSON}"
            return Verdict(check=NAME, score=0.0, reason=f"cut at {whose}, not JSON", message=message)
        return _missed(measured)

    async def _climb(self, text: str, prepared: Prepared) -> Measured:
        """Try the candidates in order until one is valid."""
        finding: Finding | None = None
        not_json = ""
        for candidate in candidates(text):
            if candidate.repairs and len(text) > LONG_CHARS:
                await asyncio.sleep(0)  # each step may take a while: others' turn
            try:
                value = parse_strict(candidate.text)
            except NotJSONError as error:
                if "prose" not in candidate.repairs:  # brackets in prose are often not meant as JSON
                    not_json = str(error)
                continue
            found = await self._examine(candidate.text, value, prepared)
            if found.valid:
                return Measured(valid=candidate)
            if "prose" not in candidate.repairs or (found.path, found.keyword) != ("$", "type"):
                finding = finding or found  # but a footnote's "[1]" is no attempt at the answer
            freed = await self._without_nulls(candidate, value, found, prepared)
            if freed is not None:
                return Measured(valid=freed)
            if not candidate.repairs:  # the whole answer is JSON: a part of it is not what was meant
                break
        return Measured(finding=finding, not_json=not_json)

    async def _examine(self, text: str, value: Json, prepared: Prepared) -> Finding:
        if prepared.validator is not None and prepared.cost.is_cheap_for(text):
            try:
                return examine(prepared.validator, value)
            except SchemaError as error:
                raise CheckError(str(error)) from error
        result = await self._isolated.evaluate("schema", {"schema": prepared.schema, "text": text})
        return msgspec.convert(result, Finding)

    async def _without_nulls(
        self, candidate: Candidate, value: Json, finding: Finding, prepared: Prepared
    ) -> Candidate | None:
        """The candidate without the nulls that break the schema, if that makes it valid.

        Strict modes of some providers make models write null for an optional key that they mean to leave out.
        """
        for _ in range(MAX_NULLS):
            if finding.null_at is None:
                return None
            _remove(value, finding.null_at)
            text = json.dumps(value, ensure_ascii=False)
            finding = await self._examine(text, value, prepared)
            if finding.valid:
                return Candidate(text, (*candidate.repairs, "nulls"))
        return None


def wanted_schema(request: ModelRequest, options: JSONSchemaOptions) -> bytes | None:
    """The schema that the answer must meet, as JSON; `None` where no JSON was asked for."""
    if options.schema is not None:
        return msgspec.json.encode(options.schema)
    wanted = request.response_format
    if wanted is None or not wanted.wants_json:
        return None
    if wanted.kind == "json_object":
        return ANY_OBJECT
    return ANY_VALUE if wanted.schema is None else msgspec.json.encode(wanted.schema)


def _passed(text: str, valid: Candidate) -> Verdict:
    if not valid.repairs:
        damaged = ", but a LaTeX command may have been read as an escape" if shows_latex(text) else ""
        return Verdict(check=NAME, score=1.0, reason=f"valid{damaged}")
    return Verdict(
        check=NAME,
        score=1.0,
        reason=f"valid after {', '.join(valid.repairs)}",
        repaired=valid.text,
        repairs=valid.repairs,
    )


def _missed(measured: Measured) -> Verdict:
    finding = measured.finding
    if finding is None:
        message = f"The answer is not JSON: {measured.not_json}. {ONLY_JSON}"
        return Verdict(check=NAME, score=0.0, reason=f"not JSON: {measured.not_json}", message=message)
    return schema_verdict(finding)


def schema_verdict(finding: Finding) -> Verdict:
    """The verdict on JSON that breaks its schema."""
    message = f"The JSON does not fit its schema. At {finding.path}: {finding.message}. {ONLY_JSON}"
    return Verdict(check=NAME, score=0.0, reason=f"{finding.path}: {finding.keyword}", message=message)


def _remove(value: Json, path: tuple[str | int, ...]) -> None:
    for step in path[:-1]:
        value = value[step]
    value.pop(path[-1], None)
