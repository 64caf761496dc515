"""Cutting prose at the client's own limit, where the max_tokens guard asked the upstream for more.

Thinking eats small budgets, so the guard raises them; the visible text is then cut here, and the finish says `length`,
as if the model itself had stopped there. Where the upstream counted the tokens, its own ratio of characters to tokens
is used; while a stream runs, the estimate.
"""

from collections.abc import Sequence

import msgspec

from tiercel.domain.events import Finished, StreamEvent, TextDelta
from tiercel.domain.response import Choice, Finish, ModelResponse, Usage
from tiercel.domain.tokens import estimate_tokens, token_weight

CUT = Finish(reason="length", raw="length")


def cut_response(response: ModelResponse, cut_at: int) -> tuple[ModelResponse, bool]:
    """The answer with each choice's text cut at `cut_at` tokens, and whether anything was cut."""
    choices = tuple(
        _cut_choice(choice, cut_at, response.usage, len(response.choices)) for choice in response.choices
    )
    was_cut = choices != response.choices
    return (msgspec.structs.replace(response, choices=choices) if was_cut else response), was_cut


def _cut_choice(choice: Choice, cut_at: int, usage: Usage | None, choices: int) -> Choice:
    text = choice.text
    tokens = estimate_tokens(text)
    if choices == 1 and usage is not None and usage.source == "upstream" and usage.visible > 0:
        tokens = usage.visible
    if tokens <= cut_at:
        return choice
    return choice.with_text(text[: len(text) * cut_at // tokens], CUT)


class StreamCutter:
    """Cuts the text of each choice of a stream at about `cut_at` tokens."""

    def __init__(self, cut_at: int) -> None:
        self._cut_at = float(cut_at)
        self._used: dict[int, float] = {}
        self.was_cut = False

    def pass_on(self, events: Sequence[StreamEvent]) -> list[StreamEvent]:
        """The events that may still be seen; a finish after a cut says `length`."""
        return [seen for event in events if (seen := self._pass_one(event)) is not None]

    def _pass_one(self, event: StreamEvent) -> StreamEvent | None:
        if isinstance(event, Finished) and self._used.get(event.choice, 0.0) >= self._cut_at:
            return msgspec.structs.replace(event, finish=CUT)
        if not isinstance(event, TextDelta):
            return event
        used = self._used.get(event.choice, 0.0)
        left = self._cut_at - used
        if left <= 0:
            self.was_cut = True
            return None
        tokens = token_weight(event.text)
        self._used[event.choice] = used + tokens
        if tokens <= left:
            return event
        self.was_cut = True
        return msgspec.structs.replace(
            event, text=event.text[: int(len(event.text) * left / tokens)], logprobs=None
        )
