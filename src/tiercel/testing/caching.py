"""A simulated model that keeps prompts as a provider's cache does."""

import msgspec

from tiercel.domain.tokens import estimate_tokens
from tiercel.testing.delivery import Delivery
from tiercel.testing.loopback import SeenRequest
from tiercel.testing.replies import Said, delivery_of
from tiercel.testing.scripted import ScriptedProvider


class CachingProvider(ScriptedProvider):
    """Answers with as many tokens as it is asked for, and counts as cached what it was sent before, from the beginning
    of the conversation on."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self._known: set[bytes] = set()

    async def _handle(self, seen: SeenRequest) -> Delivery | bytes:
        request = seen.json
        messages = request["messages"]
        assert isinstance(messages, list)
        total = cached = 0
        for place, message in enumerate(messages, start=1):
            total += estimate_tokens(message["content"])
            prefix = msgspec.json.encode(messages[:place])
            cached = total if prefix in self._known else cached
            self._known.add(prefix)
        asked = request.get("max_tokens") or request.get("max_completion_tokens")
        assert isinstance(asked, int)
        said = Said(text="done", input_tokens=total, cached_tokens=cached, output_tokens=asked)
        return delivery_of(said, "openai_chat", request)
