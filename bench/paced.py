"""Reads many paced streams at once and notes the largest gap of each; prints one line of JSON.

One thread on a selector, so that the reader itself holds nothing up. Streams begin one after another, spread over the
pace, so that their tokens do not come in step.
"""

import argparse
import gc
import selectors
import socket
import time

import msgspec

from bench.load import MODEL, Paced

TOKEN = b"tok@"
"""What the mock upstream puts into every content event."""

END = b"data: [DONE]"
STALL_PACES = 3.0
STARTED_WITHIN_SECONDS = 1.0
PATIENCE_SECONDS = 30.0


class Stream:
    """One stream being read."""

    def __init__(self) -> None:
        self.tokens = 0
        self.largest_gap = 0.0
        self.is_finished = False
        self._last: float | None = None
        self._tail = b""

    def feed(self, data: bytes, now: float) -> None:
        """Take in what was received at `now`, wherever it was cut."""
        joined = self._tail + data
        tokens = joined.count(TOKEN)
        if tokens:
            if self._last is not None:
                self.largest_gap = max(self.largest_gap, now - self._last)
            self._last = now
            self.tokens += tokens
        self.is_finished = self.is_finished or END in joined
        # less than one mark is kept, and of no mark that was counted
        self._tail = joined[joined.rfind(TOKEN) + 1 if tokens else 0 :][1 - len(END) :]


def request_bytes(port: int, key: str, pace_seconds: float, tokens: int) -> bytes:
    """A streaming request; the mock upstream takes its pace from `seed` and its length from `max_tokens`."""
    prompt = "Explain in two sentences what the capital of France is known for."
    body = msgspec.json.encode(
        {
            "model": MODEL,
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": tokens,
            "seed": round(pace_seconds * 1e6),
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    )
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {key}\r\n"
        "content-type: application/json\r\n"
    )
    return head.encode("ascii") + b"content-length: %d\r\n\r\n%s" % (len(body), body)


def read_streams(port: int, key: str, streams: int, pace_seconds: float, tokens: int) -> list[Stream]:
    """Open, read to the end, and give back all streams."""
    request = request_bytes(port, key, pace_seconds, tokens)
    between = STARTED_WITHIN_SECONDS / streams + pace_seconds / streams
    found: list[Stream] = []
    is_open = 0
    began = time.perf_counter()
    give_up = began + STARTED_WITHIN_SECONDS + tokens * pace_seconds + PATIENCE_SECONDS
    with selectors.DefaultSelector() as selector:
        while (len(found) < streams or is_open) and time.perf_counter() < give_up:
            while len(found) < streams and time.perf_counter() >= began + len(found) * between:
                found.append(Stream())
                is_open += 1
                connection = socket.create_connection(("127.0.0.1", port))
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.sendall(request)
                selector.register(connection, selectors.EVENT_READ, found[-1])
            is_open -= _read_ready(selector, between if len(found) < streams else 0.1)
    return found


def _read_ready(selector: selectors.BaseSelector, timeout: float) -> int:
    """Read what there is; how many streams ended."""
    ended = 0
    for key, _ in selector.select(timeout):
        connection, stream = key.fileobj, key.data
        assert isinstance(connection, socket.socket)
        data = connection.recv(65536)
        stream.feed(data, time.perf_counter())
        if stream.is_finished or not data:
            selector.unregister(connection)
            connection.close()
            ended += 1
    return ended


def judge(streams: list[Stream], pace_seconds: float, tokens: int) -> Paced:
    """A stream that broke, or lost a token, is not finished; it cannot be stall-free."""
    finished = [stream for stream in streams if stream.is_finished and stream.tokens == tokens]
    return Paced(
        streams=len(streams),
        finished=len(finished),
        chunks=sum(stream.tokens for stream in streams),
        stall_free=sum(stream.largest_gap < STALL_PACES * pace_seconds for stream in finished),
        largest_gap_seconds=max((stream.largest_gap for stream in streams), default=0.0),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--auth", required=True, metavar="KEY")
    parser.add_argument("--streams", type=int, required=True)
    parser.add_argument("--tokens-per-second", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    args = parser.parse_args()
    gc.disable()
    pace_seconds = 1 / args.tokens_per_second
    tokens = round(args.seconds * args.tokens_per_second)
    streams = read_streams(args.port, args.auth, args.streams, pace_seconds, tokens)
    print(msgspec.json.encode(judge(streams, pace_seconds, tokens)).decode())


if __name__ == "__main__":
    main()
