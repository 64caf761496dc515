"""The cheapest server that there is in Python: it refuses whatever comes, without looking at it.

What it spends on a request is what reading and writing cost, and no gateway can refuse for less.
"""

import argparse
import asyncio
from typing import cast

ANSWER = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 300\r\n\r\n" + b"x" * 300


class Refusing(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass, and behaves like one

    def data_received(self, data: bytes) -> None:
        self._transport.write(ANSWER)


async def refuse(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Refusing, "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


def main() -> None:
    import uvloop

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(refuse(parser.parse_args().port))


if __name__ == "__main__":
    main()
