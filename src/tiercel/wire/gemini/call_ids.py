"""Ids for calls and results that may have none: here a result finds its call by id, else by name and order."""


class CallIds:
    """Gives each call of one conversation an id of its own, and each result the id of its call."""

    def __init__(self) -> None:
        self._waiting: list[tuple[str | None, str, str]] = []  # the client's id, the function's name, our id
        self._taken: set[str] = set()

    def of_call(self, given: str | None, name: str, turn: int, number: int) -> str:
        """The client's own id where it has one and gave it once, else one made of the call's place."""
        call_id = given if given and given not in self._taken else f"call_{turn}_{number}"
        self._taken.add(call_id)
        self._waiting.append((given, name, call_id))
        return call_id

    def of_result(self, given: str | None, name: str, turn: int, number: int) -> str:
        """The id of the first call waiting for this result, else the client's own or one of the result's place."""
        found = self._find(given, name)
        if found is None:
            return given or f"call_{turn}_{number}"
        return self._waiting.pop(found)[2]

    def _find(self, given: str | None, name: str) -> int | None:
        waiting = list(enumerate(self._waiting))
        if given:
            named = next((at for at, (call, _, _) in waiting if call == given), None)
            if named is not None:
                return named
        return next(
            (at for at, (call, called, _) in waiting if called == name and not (given and call)), None
        )
