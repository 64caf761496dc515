"""The lab: simulated providers at one loopback address, each under its own path, in its own format.

`http://127.0.0.1:PORT/gemini/v1`, and `stepfun`, `openrouter`, `openai` and `recorded` in its place, take chat
completions; `/anthropic/v1` takes messages. Any key will do, but there must be one. Every answer carries the header
`x-tiercel-simulated: 1`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import msgspec

from tiercel.domain.errors import CallerError, ConfigError
from tiercel.domain.events import ReasoningDelta, StreamEvent, TextDelta, unfold
from tiercel.domain.policy import Policy
from tiercel.domain.request import Format, ModelRequest, Text
from tiercel.domain.response import Choice, Finish, ModelResponse, Stamp
from tiercel.domain.settings import Settings
from tiercel.testing.faults import Delivery, Fault, FaultScript, error_body
from tiercel.testing.lab.behaviour import Performance, Scene, input_tokens, perform
from tiercel.testing.lab.models import DEFAULT_SPEED, FORMATS, find_model, simulated_models
from tiercel.testing.lab.recorded import Recorded, RecordedAnswer, usage_of
from tiercel.testing.lab.setup import in_lab_time, lab_policy, lab_settings
from tiercel.testing.loopback import LoopbackServer, SeenRequest
from tiercel.testing.tasks import DemoTask, FaultName, demo_tasks
from tiercel.wire.codec import Codec
from tiercel.wire.registry import CODECS

DEFAULT_PORT = 4199
DEFAULT_TIME_SCALE = 0.02
"""In the lab a second takes 20 milliseconds, so that a demo is quick and relative speeds stay."""

CREATED = 1_767_225_600
"""The Unix time every simulated answer claims to be of: the lab has no clock either."""

SIMULATED = ("x-tiercel-simulated", "1")
JSON = ("content-type", "application/json")
PIECE_CHARS = 32
PIECE_TOKENS = 8

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
    are known beside the demo's.
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

    def base_url(self, provider: str) -> str:
        """Where a client of this provider begins."""
        return f"{self.root_url}/{provider}/v1"

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
        _, provider, *rest = seen.path.split("?")[0].split("/")
        format = FORMATS.get(provider)
        if format is None:
            return _refusal("openai_chat", 404, f"the lab plays {', '.join(FORMATS)}; not {provider!r}")
        if not _key(seen.headers):
            return _refusal(format, 401, "No key. The lab takes any key, but it wants one.")
        path = "/".join(rest)
        if path.endswith("models") and seen.method == "GET":
            return self._listing(provider, format)
        if not path.endswith("messages" if format == "anthropic" else "chat/completions"):
            return _refusal(format, 404, f"the lab has nothing at {seen.path!r}")
        codec = CODECS[format]
        try:
            request = codec.decode_request(seen.body)
        except CallerError as error:
            return _refusal(format, 400, error.message)
        return self._answer(provider, format, codec, request)

    def _answer(self, provider: str, format: Format, codec: Codec, request: ModelRequest) -> Delivery:
        prompt, task = self._recognise(request)
        model = find_model(provider, request.model)
        name = request.model if model is None else model.name
        performance = self._recorded_answer(provider, request, prompt)
        if performance is None:
            if model is None:
                return _refusal(format, 404, f"no such model: {request.model!r}", code="model_not_found")
            if (tokens := input_tokens(request)) > model.window:
                message = f"this model's maximum context length is {model.window} tokens, but about {tokens} were sent"
                return _refusal(format, 400, message, code="context_length_exceeded")
            performance = perform(Scene(model=model, request=request, task=task, seed=self._seed))
        self.calls[name] += 1
        delivery = self._delivery(codec, request, performance)
        fault = self.faults.take(name) or self._task_fault(name, task)
        if fault is None:
            return delivery
        spoiled = fault.spoil(delivery, format)
        return msgspec.structs.replace(spoiled, headers=(*spoiled.headers, SIMULATED))

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

    def _delivery(self, codec: Codec, request: ModelRequest, performance: Performance) -> Delivery:
        self._answered += 1
        stamp = Stamp(id=f"simulated-{self._answered}", created=CREATED, model=request.model)
        response = performance.response
        if codec.format == "openai_chat":
            response = msgspec.structs.replace(response, extra={"system_fingerprint": "simulated"})
        if not request.stream:
            body = codec.encode_response(response, stamp)
            waited = performance.seconds * self.time_scale
            return Delivery(headers=(JSON, SIMULATED), pieces=(body,), before_seconds=waited)
        thinking = 0 if response.usage is None else response.usage.reasoning
        silent = performance.first_token_seconds + thinking / performance.tokens_per_second
        encoder = codec.stream_encoder(request, stamp)
        frames = (encoder.encode([event]) for event in _in_pieces(response))
        return Delivery(
            headers=(("content-type", "text/event-stream"), SIMULATED),
            pieces=tuple(frame for frame in frames if frame),
            stream=True,
            before_seconds=silent * self.time_scale,
            gap_seconds=PIECE_TOKENS / performance.tokens_per_second * self.time_scale,
        )

    def _listing(self, provider: str, format: Format) -> Delivery:
        names = [model.upstream_name for model in simulated_models() if model.provider == provider]
        if provider == "recorded" and self.recorded is not None:
            names = list(self.recorded.models)
        if format == "anthropic":
            rows = [{"type": "model", "id": name, "display_name": f"{name} (simulated)"} for name in names]
            listing = {"data": rows, "has_more": False, "first_id": names[0], "last_id": names[-1]}
        else:
            entries = [
                {"id": name, "object": "model", "created": CREATED, "owned_by": "simulated"} for name in names
            ]
            listing = {"object": "list", "data": entries}
        return Delivery(headers=(JSON, SIMULATED), pieces=(msgspec.json.encode(listing),))


def _key(headers: Mapping[str, str]) -> str:
    bearer = headers.get("authorization", "").removeprefix("Bearer").strip()
    return bearer or headers.get("x-api-key", "")


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


def _in_pieces(response: ModelResponse) -> list[StreamEvent]:
    """The answer as a stream's events, long texts in the pieces in which they would come."""
    events: list[StreamEvent] = []
    for event in unfold(response):
        if isinstance(event, TextDelta | ReasoningDelta) and len(event.text) > PIECE_CHARS:
            starts = range(0, len(event.text), PIECE_CHARS)
            texts = (event.text[start : start + PIECE_CHARS] for start in starts)
            events += [msgspec.structs.replace(event, text=text) for text in texts]
        else:
            events.append(event)
    return events
