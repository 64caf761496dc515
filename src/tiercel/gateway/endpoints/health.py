"""GET /healthz: the process lives. GET /readyz: it may be sent requests."""

from tiercel.gateway.exchange import Exchange
from tiercel.gateway.runtime import Runtime


async def healthz(runtime: Runtime, exchange: Exchange) -> None:
    """200 as long as the event loop turns."""
    await exchange.answer_json({"status": "ok"})


async def readyz(runtime: Runtime, exchange: Exchange) -> None:
    """200 when requests can be served and recorded, else 503 with the reason."""
    ready, reason = runtime.ready(exchange)
    await exchange.answer_json({"ready": ready, "reason": reason}, status=200 if ready else 503)
