"""What a page gets and gives: who looks, what is shown to them, and how values become words."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlencode

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from tiercel.domain.money import NANO_PER_USD
from tiercel.domain.secret import Secret
from tiercel.domain.settings import Storage
from tiercel.gateway.dashboard.conversations import Conversations
from tiercel.gateway.dashboard.visits import Caller
from tiercel.gateway.runtime import Runtime
from tiercel.measure import amounts
from tiercel.measure.rate import Rate

UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What does not show by itself, or turns around what stands beside it; tabs and ends of lines do no harm."""


class Home:
    """The running gateway, as pages know it. `url` is where its clients call, without a slash at the end."""

    def __init__(self, runtime: Runtime, url: str) -> None:
        self.runtime = runtime
        self.url = url
        self.conversations = Conversations()

    @property
    def storage(self) -> Storage:
        return self.runtime.state.settings.storage

    @property
    def folder(self) -> Path:
        return Path(self.storage.folder)

    @property
    def database_url(self) -> Secret | None:
        return self.storage.database_url

    @property
    def needs_key(self) -> bool:
        """Whether the gateway's clients must show one."""
        return self.runtime.state.admission.needs_key


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who looks at a page. `form` has the fields of a form that was sent and is known to be from here."""

    home: Home
    caller: Caller
    request: Request
    form: dict[str, str] = {}

    @property
    def query(self) -> dict[str, str]:
        """The address's parameters that are not empty; of one given twice the last."""
        return {name: value for name, value in self.request.query_params.items() if value}

    def render(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """The page."""
        return render(template, self.request, self.caller, status=status, home=self.home, **values)


Show: TypeAlias = Callable[[Visitor], Response | Awaitable[Response]]


class PageRoute(msgspec.Struct, frozen=True, kw_only=True):
    """One address: what shows it, and to whom. `title` is its name in the navigation, `None` where it has none there.

    `show` runs in a thread, unless it is a coroutine function.
    """

    path: str
    show: Show
    title: str | None = None
    methods: tuple[str, ...] = ("GET",)
    operators_only: bool = False


def shown_to(page: PageRoute, caller: Caller) -> bool:
    """Whether the page is one of this person's."""
    return caller.is_operator or not page.operators_only


def render(
    template: str, request: Request, caller: Caller | None, *, status: int = 200, **values: Any
) -> Response:
    """A page in its frame. Everything is escaped: what models and callers say is text here and nothing else."""
    navigation = [page for page in request.app.state.navigation if caller and shown_to(page, caller)]
    page = _environment().get_template(template)
    return HTMLResponse(
        page.render(
            caller=caller,
            path=request.url.path,
            query=dict(request.query_params),
            navigation=navigation,
            **values,
        ),
        status_code=status,
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tiercel.gateway.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=seen,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "money": money,
        "dollars": dollars,
        "percent": amounts.percent,
        "duration": amounts.duration,
        "wall_time": amounts.wall_time,
        "number": number,
        "speed": speed,
        "interval": interval,
        "moment": moment,
        "address": address,
    }
    return environment


def seen(value: Any) -> Any:
    """A text with a code in the place of each character that nobody would see; anything else as it is."""
    if type(value) is not str:
        return value
    return UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", value)


def money(nano: int | None) -> str:
    """Dollars; a dash where they are not known."""
    return amounts.UNKNOWN if nano is None else amounts.money(nano)


def dollars(usd: str | float) -> str:
    """Dollars that come as such, as commands print them."""
    return amounts.money(round(float(usd) * NANO_PER_USD))


def number(value: float | None) -> str:
    """A count with its thousands told apart."""
    return amounts.UNKNOWN if value is None else f"{value:,.0f}"


def speed(tokens_per_second: float | None) -> str:
    """Tokens per second."""
    return amounts.UNKNOWN if tokens_per_second is None else f"{tokens_per_second:,.0f}"


def interval(rate: Rate) -> str:
    """The 95 % interval of a share, and the number it is of."""
    if rate.low is None or rate.high is None:
        return "no cases"
    return f"{100 * rate.low:.0f}–{100 * rate.high:.0f} % (n = {rate.n:,})"


def moment(at: float | None) -> Markup:
    """A moment, which the browser shows in its own time zone and everybody else reads in UTC."""
    if at is None:
        return Markup("-")
    when = datetime.fromtimestamp(at, UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        when.isoformat(timespec="milliseconds"), when.strftime("%Y-%m-%d %H:%M:%S UTC")
    )


def address(query: dict[str, str], **changes: str | None) -> str:
    """The same page with some parameters changed; those that are `None` or empty are left out."""
    wanted = {name: value for name, value in (query | changes).items() if value}
    return "?" + urlencode(wanted)
