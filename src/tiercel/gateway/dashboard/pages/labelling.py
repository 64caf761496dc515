"""Labelling: a person says of answers which are right, or which of two is better, without knowing whose they are.

The queue, its random order and what is kept are those of `tiercel eval label`; this page shows one sheet at a time.
"""

from typing import Any

from starlette.responses import Response

from tiercel.domain.errors import CallerError, ConfigError
from tiercel.domain.json import Json
from tiercel.gateway.dashboard.conversations import PATIENCE_SECONDS
from tiercel.gateway.dashboard.pages.evaluations import run_of
from tiercel.gateway.dashboard.runs import Run
from tiercel.gateway.dashboard.view import PageRoute, Visitor

WORDS = {
    True: (
        ("a", "first", "A is better"),
        ("b", "second", "B is better"),
        ("t", "tie", "Tie"),
        ("n", "both_bad", "Neither is good"),
    ),
    False: (("1", "right", "Right"), ("0", "wrong", "Wrong")),
}
"""What may be said of two answers, and of one: the key, the command's word, the button."""
LONGEST_NAME = 64
WITH_PICTURES = (
    "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; form-action 'self'; base-uri 'none'"
)
"""An item's pictures stand in the page itself."""


def show(visitor: Visitor) -> Response:
    """The sheet that the address names, else the next one."""
    return _shown(visitor, {"sheet": visitor.query.get("sheet")}, wait_seconds=0.0)


def say(visitor: Visitor) -> Response:
    """Keeps what was said of a sheet, and shows the next."""
    form = visitor.form
    if form.get("say") not in {word for words in WORDS.values() for _, word, _ in words}:
        raise CallerError("invalid_request", "Say of the answers what one of the buttons says.")
    return _shown(visitor, {"sheet": form.get("sheet", ""), "say": form["say"]})


def _shown(visitor: Visitor, wish: Json, *, wait_seconds: float = PATIENCE_SECONDS) -> Response:
    run = run_of(visitor)
    pair = _pair(run, visitor.query.get("between", ""))
    labeller = visitor.query.get("labeller", "").strip()[:LONGEST_NAME] or visitor.caller.key.id
    asked = ["eval", "label", str(run.folder), "--json", "--follow"]
    asked += [f"--pairs={','.join(pair)}"] if pair else []
    asked += [f"--labeller={labeller}"] if labeller else []
    told: Any = None
    problem = ""
    try:
        told = visitor.home.conversations.ask(*asked, line=wish, wait_seconds=wait_seconds)
    except ConfigError as error:
        problem = str(error)
    page = visitor.render(
        "labelling.html",
        status=400 if problem and visitor.form else 200,
        run=run,
        told=told,
        problem=problem,
        pairs=_pairs(run),
        between=",".join(pair),
        words=WORDS[bool(pair)],
    )
    page.headers["content-security-policy"] = WITH_PICTURES
    return page


def _pairs(run: Run) -> list[tuple[str, str]]:
    """Who may be set beside whom: each candidate beside the baseline, or beside the first where there is none."""
    asked = run.manifest.evaluation
    names = [one.id for one in asked.candidates]
    first = asked.baseline or (names[0] if names else "")
    return [(first, name) for name in names if name != first]


def _pair(run: Run, wanted: str) -> tuple[str, ...]:
    """Empty where each answer is labelled by itself. Raises `CallerError` for a pair that there is not."""
    pairs = {",".join(pair): pair for pair in _pairs(run)}
    if wanted == "one" or not pairs:
        return ()
    if not wanted:
        return next(iter(pairs.values()))
    if wanted not in pairs:
        raise CallerError("invalid_request", "between: choose one of the pairs that the page offers")
    return pairs[wanted]


LABELLING = PageRoute(path="/evaluations/label", show=show, operators_only=True)
LABELLED = PageRoute(path="/evaluations/label", show=say, methods=("POST",), operators_only=True)
