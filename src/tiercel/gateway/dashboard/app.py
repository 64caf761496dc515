"""The dashboard's application: who may see which page, what every answer carries, and what becomes of errors.

Pages are plain functions that run in a thread, because they read the database; they get a `Visitor` and give an answer.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from importlib.resources import files
from typing import Any, TypeAlias

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from tiercel.domain.errors import CallerError, ConfigError, ProblemError
from tiercel.gateway.admission import host_name, is_loopback
from tiercel.gateway.dashboard.pages import NAVIGATION, PAGES
from tiercel.gateway.dashboard.view import Home, PageRoute, Visitor, render, shown_to
from tiercel.gateway.dashboard.visits import Caller, Visits, is_same
from tiercel.gateway.exchange import ClientLeftError, Exchange, Headers
from tiercel.gateway.runtime import Runtime

log = logging.getLogger(__name__)

COOKIE = "tiercel_visit"
MAX_FORM_BYTES = 1_000_000
STATIC = {
    "tiercel.css": "text/css; charset=utf-8",
    "uPlot.min.css": "text/css; charset=utf-8",
    "tiercel.js": "text/javascript; charset=utf-8",
    "uPlot.iife.min.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
HEADERS = {
    "content-security-policy": "default-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with none, browsers name no origin with their own forms
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}

Handler: TypeAlias = Callable[[Request], Any]


def make_app(runtime: Runtime, gateway_url: str) -> "Dashboard":
    """The application over a running gateway, whose clients call that address."""
    door = _Door(runtime, gateway_url)
    routes = [
        Route("/login", door.login, methods=["GET", "POST"]),
        Route("/logout", door.logout, methods=["POST"]),
        Route("/static/{name}", _static, methods=["GET"]),
        *(Route(page.path, door.page(page), methods=list(page.methods)) for page in PAGES),
    ]
    app = Starlette(
        routes=routes, exception_handlers={HTTPException: door.not_found, Exception: door.not_found}
    )
    app.state.navigation = NAVIGATION
    return Dashboard(app, door.end)


class Dashboard:
    """The application, with what every answer carries, errors too."""

    def __init__(self, app: Any, end: Callable[[], None]) -> None:
        self._app = app
        self.end = end
        """Ends what works for it; to be called once, when it is asked nothing more."""

    async def __call__(self, exchange: Exchange) -> None:
        """Answer one request. Starlette speaks ASGI, and gives every answer in one piece."""
        status, body = 500, b""
        headers: Headers = []

        async def receive() -> dict[str, object]:
            try:
                return {"type": "http.request", "body": await exchange.body(MAX_FORM_BYTES)}
            except ClientLeftError:
                return {"type": "http.disconnect"}
            except CallerError as error:
                raise HTTPException(413) from error

        async def send(message: Any) -> None:
            nonlocal status, headers, body
            if message["type"] == "http.response.start":
                status, headers = message["status"], _all_headers(message["headers"])
                return
            body += message.get("body", b"")
            if not message.get("more_body", False):
                await exchange.answer(status, headers, body)

        await self._app(_scope(exchange), receive, send)


def _all_headers(said: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Those of an answer, with what every answer carries; its length is counted anew."""
    known = {name for name, _ in said}
    return [
        *(pair for pair in said if pair[0] != b"content-length"),
        *((name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in known),
    ]


def _scope(exchange: Exchange) -> dict[str, object]:
    """The request as ASGI has it."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "http",
        "method": exchange.method,
        "path": exchange.path,
        "query_string": exchange.query,
        "root_path": "",
        "headers": list(exchange.headers.items()),
    }


class _Door:
    """Lets people in, to the pages that are theirs."""

    def __init__(self, runtime: Runtime, gateway_url: str) -> None:
        self._runtime = runtime
        self._home = Home(runtime, gateway_url)
        settings = runtime.state.settings.dashboard
        self._visits = Visits(
            lambda text: runtime.state.admission.recognise(text),
            runtime.state.machinery.clock,
            settings.session_hours * 3_600,
        )

    def page(self, route: PageRoute) -> Handler:
        """The page behind the door."""

        async def handler(request: Request) -> Response:
            refused = self._host_problem(request)
            if refused is not None:
                return refused
            caller = self._caller(request)
            if caller is None:
                return self._without_visit(request)
            form = await _form(request) if request.method == "POST" else {}
            if request.method == "POST" and not _is_ours(request, form, caller):
                return self._problem(
                    request, 403, "This form is not from here, or from before you logged in."
                )
            if not shown_to(route, caller):
                return self._problem(request, 403, "This page is for operators.", caller)
            visitor = Visitor(home=self._home, caller=caller, request=request, form=form)
            return await self._shown(route, visitor)

        return handler

    async def _shown(self, route: PageRoute, visitor: Visitor) -> Response:
        try:
            waits = asyncio.iscoroutinefunction(route.show)
            shown = route.show(visitor) if waits else await run_in_threadpool(route.show, visitor)
            return shown if isinstance(shown, Response) else await shown
        except ConfigError as error:
            return self._problem(visitor.request, 503, str(error), visitor.caller)
        except ProblemError as error:
            status = 404 if error.kind == "not_found" else 400
            return self._problem(visitor.request, status, error.message, visitor.caller)

    def end(self) -> None:
        """Ends what works for the pages."""
        self._home.conversations.end()

    async def login(self, request: Request) -> Response:
        """Shows the form, and takes it."""
        refused = self._host_problem(request)
        if refused is not None:
            return refused
        if request.method == "GET" or not self._needs_key:
            return render("login.html", request, None)
        form = await _form(request)
        if not _is_same_origin(request):
            return self._problem(request, 403, "This form is not from here.")
        try:
            cookie = self._visits.begin(form.get("key", "").strip())
        except ProblemError as error:
            log.warning("dashboard: a login was refused: %s", error.message)
            return render("login.html", request, None, status=401, problem=error.message)
        return self._with_cookie(request, RedirectResponse("/", 303), cookie)

    async def logout(self, request: Request) -> Response:
        """Ends the visit."""
        caller = self._caller(request)
        if caller is not None and _is_ours(request, await _form(request), caller):
            self._visits.end(request.cookies.get(COOKIE, ""))
        response = RedirectResponse("/login", 303)
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return response

    async def not_found(self, request: Request, error: Exception) -> Response:
        """What Starlette finds wrong, in our words."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        text = {
            404: "There is no such page.",
            500: "Something went wrong in here; the gateway's log says what.",
        }.get(status, "That cannot be done here.")
        return self._problem(request, status, text, self._caller(request))

    @property
    def _needs_key(self) -> bool:
        return self._runtime.state.admission.needs_key

    def _caller(self, request: Request) -> Caller | None:
        return self._visits.find(request.cookies.get(COOKIE, ""), needs_key=self._needs_key)

    def _without_visit(self, request: Request) -> Response:
        if self._needs_key:
            return RedirectResponse("/login", 303)
        if request.method != "GET":
            return self._problem(request, 403, "This form is not from here, or from before a restart.")
        # this machine's own people, who need no key: the visit is there for its token in forms
        return self._with_cookie(request, RedirectResponse(str(request.url), 303), self._visits.begin(None))

    def _with_cookie(self, request: Request, response: Response, cookie: str) -> Response:
        response.set_cookie(
            COOKIE, cookie, path="/", httponly=True, samesite="strict", secure=request.url.scheme == "https"
        )
        return response

    def _host_problem(self, request: Request) -> Response | None:
        """Pages elsewhere can reach a loopback address under a name of their own."""
        settings = self._runtime.state.settings.dashboard
        try:
            name = host_name(request.headers.get("host", ""))
        except CallerError as error:
            return self._problem(request, 400, error.message)
        allowed = {settings.host.lower(), *(host.lower() for host in settings.allowed_hosts)}
        if is_loopback(name) or name in allowed:
            return None
        return self._problem(
            request,
            403,
            "This Host is not served here; [dashboard] allowed_hosts in tiercel.toml can add it.",
        )

    def _problem(self, request: Request, status: int, text: str, caller: Caller | None = None) -> Response:
        return render("problem.html", request, caller, status=status, text=text)


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form; of one sent twice the last. Raises `HTTPException` for one that is too large."""
    from urllib.parse import parse_qsl

    body = await request.body()
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=1_000))


def _is_same_origin(request: Request) -> bool:
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    return origin is None or origin == f"{request.url.scheme}://{request.headers.get('host', '')}"


def _is_ours(request: Request, form: dict[str, str], caller: Caller) -> bool:
    given = form.get("csrf") or request.headers.get("x-csrf", "")
    return _is_same_origin(request) and is_same(given, caller.csrf)


def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in STATIC:
        raise HTTPException(404)
    content = files("tiercel.gateway.dashboard").joinpath("static", name).read_bytes()
    return Response(content, media_type=STATIC[name], headers={"cache-control": "max-age=3600"})
