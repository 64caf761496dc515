"""Who is asked what, under which seed: all that a simulated model's behaviour depends on. Pure."""

import hashlib

import msgspec

from tiercel.domain.request import Effort, Message, ModelRequest, ToolResult
from tiercel.testing.lab.models import SimulatedModel
from tiercel.testing.tasks import DemoTask


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """Who is asked what, under which seed. `task` is the demo task the prompt belongs to, if any."""

    model: SimulatedModel
    request: ModelRequest
    task: DemoTask | None = None
    seed: int = 0

    @property
    def effort(self) -> Effort:
        return self.request.effort or self.model.manner.default_effort

    @property
    def corrected(self) -> bool:
        """Whether this asks again with a complaint about the answer before."""
        if self.task is None:
            return False
        prompt = self.task.prompt.strip()
        texts = [m.text.strip() for m in self.request.messages if m.role == "user"]
        return not texts[-1].endswith(prompt) and any(text.endswith(prompt) for text in texts)

    @property
    def wants_json(self) -> bool:
        wanted = self.request.response_format
        if wanted is not None and wanted.wants_json:
            return True
        return self.task is not None and self.task.wants_json

    @property
    def tools_answered(self) -> bool:
        """Whether the last thing said is what tools returned, and the task did not begin with that."""
        if self.last_said is None or self.last_said.role != "tool":
            return False
        parts = (part for message in self.request.messages for part in message.parts)
        results = sum(isinstance(part, ToolResult) for part in parts)
        return self.task is None or results > self.task.results_before

    @property
    def last_said(self) -> Message | None:
        """The last message that is no instruction: agents put instructions behind what was asked or returned, too."""
        said = (m for m in reversed(self.request.messages) if m.role not in ("system", "developer"))
        return next(said, None)

    @property
    def must_call(self) -> bool:
        """Whether a tool call is demanded."""
        choice = self.request.tool_choice
        return bool(self.request.tools) and choice is not None and choice.mode in ("required", "named")

    def draw(self, what: str) -> float:
        """A number in [0, 1) that belongs to this scene and this question, and never changes."""
        texts = "\x1f".join(message.text for message in self.request.messages)
        key = f"{self.seed}|{self.model.name}|{self.effort}|{what}|{texts}"
        digest = hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64
