"""Models and judges that say what a function makes of what they are asked, over real sockets."""

import asyncio
import json
from collections.abc import Callable

from tiercel.testing.delivery import Delivery
from tiercel.testing.loopback import SeenRequest
from tiercel.testing.replies import Said, delivery_of
from tiercel.testing.scripted import ScriptedProvider

Speak = Callable[[str, str], str]
"""From the model and what it is shown to what it says."""


class Speaking(ScriptedProvider):
    """Models that say what a function makes of what they are asked."""

    def __init__(self, speak: Speak) -> None:
        super().__init__()
        self._speak = speak

    async def _handle(self, seen: SeenRequest) -> Delivery | bytes:
        request = seen.json
        text = self._speak(request["model"], request["messages"][-1]["content"])
        async with self._changed:
            self.requests.append(seen)
            self._changed.notify_all()
        return delivery_of(Said(text=text), self.format, request, seen.path)


def passing(model: str, shown: str) -> str:
    return verdict("pass") if model.startswith("judge") else "4"


def verdict(word: str, *problems: str) -> str:
    return json.dumps({"problems": problems, "verdict": word})


def preference(word: str) -> str:
    return json.dumps({"problems_a": [], "problems_b": [], "verdict": word})


class Held(Speaking):
    """Its judge says nothing until it is let."""

    def __init__(self, speak: Speak = passing) -> None:
        super().__init__(speak)
        self.let = asyncio.Event()

    async def _handle(self, seen: SeenRequest) -> Delivery | bytes:
        if seen.json["model"] == "judge":
            await self.let.wait()
        return await super()._handle(seen)
