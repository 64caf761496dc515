"""What is fuzzed from time to time is everything that is served."""

from tests.gateway.test_roles import GEMINI_VERBS
from tests.security.fuzz_description import VERBS, description
from tiercel.gateway.routes import NAMED_ROUTES, PUBLIC, ROUTES


def test_the_fuzzer_knows_every_route_and_method() -> None:
    paths = description()["paths"]
    found = {(path, method.upper()) for path, methods in paths.items() for method in methods}
    served = {(path, method) for table in (ROUTES, PUBLIC) for path in table for method in table[path]}
    served |= {(path + "{name}", method) for path, methods in NAMED_ROUTES.items() for method in methods}
    served |= {("/v1beta/models/{model}:" + verb, "POST") for verb in GEMINI_VERBS}
    assert found == served
    assert set(VERBS) == set(GEMINI_VERBS)
