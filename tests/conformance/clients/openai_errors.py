"""OpenAI's exceptions, which several clients raise."""

from collections.abc import Iterator
from contextlib import contextmanager

import openai

from tests.conformance.dialogue import RefusedError


@contextmanager
def own_errors() -> Iterator[None]:
    try:
        yield
    except openai.AuthenticationError as error:
        raise RefusedError("authentication", error.message) from error
    except openai.BadRequestError as error:
        raise RefusedError("invalid_request", error.message) from error
    except openai.APIError as error:
        raise RefusedError("server", error.message) from error
