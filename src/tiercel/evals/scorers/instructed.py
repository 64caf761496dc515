"""Did the answer follow instructions that can be verified without a model: IFEval's kinds, alone or several at once?"""

from collections.abc import Mapping

from tiercel.domain.json import Json, JsonObject
from tiercel.evals.evaluation import Expectation
from tiercel.evals.scorers.instructions import form, wording
from tiercel.evals.scorers.instructions.arguments import Instruction
from tiercel.evals.scorers.plain import Plain
from tiercel.evals.scorers.scorer import Answer, Scored, ScorerError, ScorerInfo

NAME = "instructions"
INSTRUCTIONS: Mapping[str, Instruction] = {**wording.KINDS, **form.KINDS}


def follows(answer: Answer, expectation: Expectation) -> Scored:
    """The share of the instructions that are followed, as the answer stands; met where all are. An answer without text
    follows none."""
    wanted = wanted_instructions(expectation.value)
    if not answer.text.strip():
        return Scored(value=0.0, reason="no text", met=False)
    broken: list[str] = []
    for kind, arguments in wanted:
        try:
            complaint = INSTRUCTIONS[kind](answer.text, arguments)
        except ValueError as error:
            raise ScorerError(f"{kind}: {error}") from error
        if complaint is not None:
            broken.append(f"{kind.partition(':')[2]}: {complaint}")
    if broken:
        return Scored(value=1 - len(broken) / len(wanted), reason="; ".join(broken), met=False)
    return Scored(value=1.0, reason=f"{len(wanted)} followed")


def wanted_instructions(value: Json) -> list[tuple[str, JsonObject]]:
    """The instructions of a value: `{kind: arguments}`, a list of kinds or of such objects, or a row of IFEval with
    `instruction_id_list` and `kwargs`. Raises `ValueError`."""
    match value:
        case {"instruction_id_list": list(kinds), "kwargs": list(arguments)} if len(kinds) == len(arguments):
            pairs = list(zip(kinds, arguments, strict=True))
        case dict():
            pairs = list(value.items())
        case list():
            pairs = [pair for one in value for pair in _pairs(one)]
        case _:
            pairs = _pairs(value)
    if not pairs:
        raise ValueError("no instruction: give {kind: arguments}, such as {'punctuation:no_comma': {}}")
    return [(_kind(kind), _arguments(kind, arguments)) for kind, arguments in pairs]


def _arguments(kind: Json, arguments: Json) -> JsonObject:
    if arguments is not None and not isinstance(arguments, dict):
        raise ValueError(f"{kind}: its arguments are no object")
    return arguments or {}


def _pairs(one: Json) -> list[tuple[Json, Json]]:
    return list(one.items()) if isinstance(one, dict) else [(one, {})]


def _kind(name: Json) -> str:
    """A kind by its whole name, or by what stands behind its colon."""
    for kind in INSTRUCTIONS:
        if name in (kind, kind.partition(":")[2]):
            return kind
    raise ValueError(f"no instruction {name!r}; there are {', '.join(sorted(INSTRUCTIONS))}")


def _find_problems(expectation: Expectation) -> list[str]:
    """Every kind is tried on a text, so that missing arguments are found before anybody is asked."""
    try:
        for kind, arguments in wanted_instructions(expectation.value):
            try:
                INSTRUCTIONS[kind]("a text", arguments)
            except ValueError as error:
                return [f"{kind}: {error}"]
    except ValueError as error:
        return [str(error)]
    return []


SCORERS = (
    Plain(
        info=ScorerInfo(
            name=NAME,
            summary="the answer follows these instructions, of IFEval's 25 kinds",
            value="{kind: arguments}, such as {'keywords:existence': {keywords: [rain, sun]}}",
        ),
        measure=follows,
        find_problems=_find_problems,
    ),
)
