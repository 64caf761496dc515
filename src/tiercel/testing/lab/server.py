"""The lab: simulated providers at one loopback address, each under its own path, in its own formats.

`http://127.0.0.1:PORT/openai/v1` takes chat completions and responses, `/anthropic/v1` messages, `/gemini/v1beta`
generateContent, `/ollama` its own API, and so on: `models.FORMATS` has them all. Each counts tokens and embeds where
the real one does. Any key will do, but there must be one. Every answer carries the header `x-tiercel-simulated: 1`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

import msgspec

from tiercel.domain.errors import CallerError, ConfigError
from tiercel.domain.policy import Policy
from tiercel.domain.request import Format, ModelRequest, Text
from tiercel.domain.response import Choice, Finish, ModelResponse
from tiercel.domain.settings import Settings
from tiercel.testing.delivery import Delivery
from tiercel.testing.faults import Fault, FaultScript
from tiercel.testing.lab.addresses import Address, find_address
from tiercel.testing.lab.behaviour import Performance, Scene, perform
from tiercel.testing.lab.delivering import SIMULATED, delivered
from tiercel.testing.lab.embeddings import MODEL as EMBEDDING_MODEL
from tiercel.testing.lab.embeddings import WrongInputError, embedded
from tiercel.testing.lab.listing import listed
from tiercel.testing.lab.models import DEFAULT_SPEED, FORMATS, find_model, simulated_models
from tiercel.testing.lab.reading import counted, read_request
from tiercel.testing.lab.recorded import Recorded, RecordedAnswer, usage_of
from tiercel.testing.lab.setup import in_lab_time, lab_policy, lab_settings
from tiercel.testing.lab.strict import objection
from tiercel.testing.lab.tokens import input_tokens
from tiercel.testing.loopback import LoopbackServer, SeenRequest
from tiercel.testing.provider_errors import error_body, too_long
from tiercel.testing.replies import JSON
from tiercel.testing.tasks import DemoTask, FaultName, demo_tasks
from tiercel.wire.scan import parse_object

DEFAULT_PORT = 4199
DEFAULT_TIME_SCALE = 0.02
"""In the lab a second takes 20 milliseconds, so that a demo is quick and relative speeds stay."""

BEGINNINGS: dict[Format | tuple[str, Format], str] = {
    "gemini": "/v1beta",
    "ollama": "",
    ("vertex", "gemini"): "/v1/publishers/google",
    ("azure", "openai_chat"): "/openai/v1",
    ("azure", "openai_responses"): "/openai/v1",
}
"""What a base URL ends with, where it is not `/v1`."""

# broken off before any content, so that another answer may still take its place unseen
TASK_FAULTS: dict[FaultName, Fault] = {
    "overloaded": Fault(status=529, message="Overloaded (simulated)"),
    "server_error": Fault(status=500, message="Internal error (simulated)"),
    "cut": Fault(cut=True, after=1),
    "html": Fault(body="html"),
    "stream_error": Fault(error_in_stream=True, after=1, message="Overloaded (simulated)"),
}


class Lab:
    """Use it as `async with Lab() as lab`, or `start` and `aclose` it by hand.

    `faults` is the script of what goes wrong, by the model's own name; faults that the demo's tasks bring along are
    met once per task and model. With `recorded`, those answers are served by exact prompt under `/recorded/v1`. `tasks`
    are known beside the demo's. Unless it is not `strict`, it refuses what the real provider would. `tell` is told each
    fault that a call meets.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        time_scale: float = DEFAULT_TIME_SCALE,
        recorded: Recorded | None = None,
        faults: FaultScript | None = None,
        tasks: Sequence[DemoTask] = (),
        port: int = 0,
        strict: bool = True,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self.faults = faults or FaultScript()
        self.calls: Counter[str] = Counter()
        """How many calls each model got, by its own name."""
        self.recorded = recorded
        self.port = port
        self._seed = seed
        self.time_scale = time_scale
        self._server = LoopbackServer(self._handle)
        self._tasks = {task.prompt.strip(): task for task in (*demo_tasks(), *tasks)}
        self._met: set[tuple[str, str]] = set()
        self._answered = 0
        self._tell = tell
        self.strict = strict

    async def start(self) -> None:
        """Begin to serve. Raises `ConfigError` where the port cannot be had."""
        try:
            self.port = await self._server.start(self.port)
        except OSError as error:
            raise ConfigError(
                f"the lab cannot listen on port {self.port}: {error.strerror}; choose another with --port"
            ) from error

    async def aclose(self) -> None:
        """Stop serving at once."""
        await self._server.aclose()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    @property
    def root_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def base_url(self, provider: str, format: Format | None = None) -> str:
        """Where a client of this provider begins; for one that speaks several formats, in this one."""
        format = format or FORMATS[provider][0]
        return (
            f"{self.root_url}/{provider}{BEGINNINGS.get((provider, format), BEGINNINGS.get(format, '/v1'))}"
        )

    def settings(self, folder: str) -> Settings:
        """Settings of a gateway that calls nobody but this lab and keeps its records below `folder`.

        Published speeds are those of the lab's time, so that they compare with what is measured here.
        """
        settings = lab_settings(self.root_url, folder, self.recorded)
        return settings if not self.time_scale else in_lab_time(settings, self.time_scale)

    def policy(self) -> Policy:
        """The shipped policy; with recorded answers a ladder of their models, in the file's order."""
        return lab_policy(self.recorded)

    async def _handle(self, seen: SeenRequest) -> Delivery:
        _, provider, rest = f"{seen.path}/".split("/", 2)
        provider, _, query = provider.partition("?")
        formats = FORMATS.get(provider)
        if formats is None:
            return _refusal("openai_chat", 404, f"the lab plays {', '.join(FORMATS)}; not {provider!r}")
        address = find_address(rest.removesuffix("/") or f"?{query}", formats)
        format = formats[0] if address is None else address.format
        if format != "ollama" and not _key(seen):
            return _refusal(format, 401, "No key. The lab takes any key, but it wants one.")
        if address is None or (address.action == "list") != (seen.method == "GET"):
            return _refusal(format, 404, f"the lab has nothing at {seen.path!r}")
        if address.action == "list":
            return self._listing(provider, format)
        try:
            if address.action == "embed":
                return _embeddings(address, seen)
            request = read_request(address, seen.body)
        except CallerError as error:
            return _refusal(format, 400, error.message)
        except WrongInputError as error:
            return _refusal(format, 400, str(error))
        return self._answer(provider, address, request, seen)

    def _answer(self, provider: str, address: Address, request: ModelRequest, seen: SeenRequest) -> Delivery:
        format = address.format
        prompt, task = self._recognise(request)
        model = find_model(provider, request.model)
        name = request.model if model is None else model.name
        performance = self._recorded_answer(provider, request, prompt)
        if performance is None:
            if model is None:
                return _refusal(format, 404, f"no such model: {request.model!r}", code="model_not_found")
            tokens = input_tokens(request)
            if address.action == "count":
                return Delivery(headers=(JSON, SIMULATED), pieces=(counted(format, tokens),))
            if tokens > model.window:
                body = too_long(format, tokens, model.window)
                return Delivery(status=400, headers=(JSON, SIMULATED), pieces=(body,))
            if refused := self._objection(provider, address, model.name, seen):
                return refused
            performance = perform(Scene(model=model, request=request, task=task, seed=self._seed))
        self.calls[name] += 1
        self._answered += 1
        delivery = delivered(performance, request, address, self._answered, self.time_scale)
        fault = self.faults.take(name) or self._task_fault(name, task)
        if fault is None:
            return delivery
        if self._tell is not None:
            self._tell(f"{fault.name or 'a fault'}: call {self.calls[name]} of {name} at {provider}")
        spoiled = fault.spoil(delivery, format)
        return msgspec.structs.replace(spoiled, headers=(*spoiled.headers, SIMULATED))

    def _objection(self, provider: str, address: Address, model: str, seen: SeenRequest) -> Delivery | None:
        """What the real provider would say to a request that it does not take."""
        found = None
        if self.strict:
            found = objection(address.format, parse_object(seen.body), provider, model, seen.headers)
        return None if found is None else _refusal(address.format, 400, found.message, code=found.code)

    def _recognise(self, request: ModelRequest) -> tuple[str, DemoTask | None]:
        """The prompt, and the demo task it belongs to, also when a complaint about an answer followed it."""
        asked = [message for message in request.messages if message.role == "user"]
        for message in reversed(asked):
            last = next((part.text for part in reversed(message.parts) if isinstance(part, Text)), "")
            if task := self._tasks.get(last.strip()):
                return last, task
        return (asked[-1].text if asked else ""), None

    def _recorded_answer(self, provider: str, request: ModelRequest, prompt: str) -> Performance | None:
        if self.recorded is None or provider != "recorded":
            return None
        row = self.recorded.find(request.model, prompt)
        if row is None and request.model in self.recorded.models and self.recorded.knows(prompt):
            # others were recorded with this prompt and this model was not: it says nothing now either
            row = RecordedAnswer(prompt=prompt, model=request.model, answer="")
        return None if row is None else _played_back(row)

    def _task_fault(self, model: str, task: DemoTask | None) -> Fault | None:
        if task is None or model not in task.faults or (task.name, model) in self._met:
            return None
        self._met.add((task.name, model))
        return TASK_FAULTS[task.faults[model]]

    def _listing(self, provider: str, format: Format) -> Delivery:
        models = {model.upstream_name: model for model in simulated_models() if model.provider == provider}
        names = list(models)
        if provider == "recorded" and self.recorded is not None:
            names = list(self.recorded.models)
        return Delivery(headers=(JSON, SIMULATED), pieces=(listed(format, names, models),))


def _key(seen: SeenRequest) -> str:
    headers = seen.headers
    bearer = headers.get("authorization", "").removeprefix("Bearer").strip()
    named = (headers.get(name, "") for name in ("x-api-key", "api-key", "x-goog-api-key"))
    in_query = parse_qs(urlsplit(seen.path).query).get("key", [""])[0]
    return bearer or next(filter(None, named), in_query)


def _embeddings(address: Address, seen: SeenRequest) -> Delivery:
    body = parse_object(seen.body)
    model = address.model or body.get("model")
    if model != EMBEDDING_MODEL:
        message = f"no such embedding model: {model!r}; the lab's is {EMBEDDING_MODEL}"
        return _refusal(address.format, 404, message, code="model_not_found")
    return Delivery(headers=(JSON, SIMULATED), pieces=(embedded(address.format, model, body),))


def _refusal(format: Format, status: int, message: str, code: str | None = None) -> Delivery:
    body = error_body(format, status, message, code=code)
    return Delivery(status=status, headers=(JSON, SIMULATED), pieces=(body,))


def _played_back(row: RecordedAnswer) -> Performance:
    usage = usage_of(row)
    choice = Choice(parts=(Text(text=row.answer),), finish=Finish(reason="stop"))
    response = ModelResponse(model=row.model, choices=(choice,), usage=usage)
    speed = DEFAULT_SPEED
    first = 0.0 if row.latency_seconds is None else max(0.0, row.latency_seconds - usage.output / speed)
    return Performance(response=response, first_token_seconds=first, tokens_per_second=speed)
