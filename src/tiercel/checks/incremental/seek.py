"""Finds the JSON in an answer while it comes, and lets through what is settled of it: no fence, no prose around it.

The JSON is where the check of the whole answer would look first: the answer itself, the first block in a fence that
holds an object or array, or the first object or array in the prose. What was only a mention (`{name}`, `[1]`) is passed
over. Where it cannot be told, nothing is let through, and the whole answer decides.
"""

import re
from collections.abc import Callable

from tiercel.checks.incremental.escapes import Escapes
from tiercel.checks.incremental.follow import Follower
from tiercel.checks.incremental.shape import Shape
from tiercel.checks.json_repair import BEGINS_JSON
from tiercel.checks.schemas import Finding

MAX_PROSE_CHARS = 16_384
MAX_MENTIONS = 50
"""An answer that holds no JSON by then is left to the check of the whole."""
START = re.compile(r"^[ \t]*(?:`{3,}|~{3,})[^\n`]*\n(?P<block>\s*(?P<first>\S)?)|[{\[]", re.MULTILINE)
BEHIND = re.compile(r"\S")
"""What tells JSON from a bracket in prose."""
FENCE_LIKE = re.compile(r"[ \t]*(?:[`~]|\Z)")
MAX_FENCE_CHARS = 200


class Seeker:
    """One answer. `begins` is told where JSON may begin, `may_go` of each piece of it that is settled; it answers
    whether the JSON has proved itself: from then on all that is settled goes through. `finding` is set where the JSON
    breaks its shape."""

    def __init__(
        self, shape: Shape | None, may_go: Callable[[str], bool], begins: Callable[[], None]
    ) -> None:
        self.finding: Finding | None = None
        self.is_open = False
        """Whether something was let through."""
        self.is_over = False
        """Whether nothing more will be."""
        self._shape = shape
        self._may_go = may_go
        self._begins = begins
        self._text = ""
        self._from = 0
        self._mentions = 0
        self._follower: Follower | None = None
        self._begin = 0
        self._escapes = Escapes()
        self._settled: list[str] = []

    def feed(self, text: str) -> str:
        """More of the answer. Returns what may go out now."""
        if self.is_over:
            return ""
        if self.is_open:
            assert self._follower is not None
            return self._followed(self._follower, text)
        self._text += text
        if self._follower is None:
            return self._sought()
        return self._followed(self._follower, text) or self._sought()

    def _sought(self) -> str:
        """What may go out of the JSON at one of the next places where it may begin."""
        out = ""
        while not out and (follower := self._next()) is not None:
            out = self._followed(follower, self._text[self._begin :])
        return out

    def _next(self) -> Follower | None:
        """Begin to follow at the next such place, if it is there and nothing is followed now."""
        if self.is_over or self._follower is not None:
            return None
        start = START.search(self._text, self._from)
        if start is None:
            self._skip_prose()
            return None
        block, first = start["block"], start["first"]
        opening = start.end() - 1
        if (block is not None and first is None) or not BEHIND.search(self._text, opening + 1):
            self._give_up_if(len(self._text) > MAX_PROSE_CHARS)
            return None
        self._mentions += 1
        if block is not None and first not in ("{", "["):
            self._from = opening
            self._give_up_if(self._mentions > MAX_MENTIONS)
            return self._next()
        self._settled = []
        self._escapes = Escapes()
        self._begin = opening
        self._begins()
        self._follower = Follower(self._shape)
        return self._follower

    def _skip_prose(self) -> None:
        """Nothing begins in what has come; a fence that has begun may yet."""
        line = max(self._from, self._text.rfind("\n") + 1)
        is_fence = len(self._text) - line <= MAX_FENCE_CHARS and FENCE_LIKE.match(self._text, line)
        self._from = line if is_fence else len(self._text)
        self._give_up_if(len(self._text) > MAX_PROSE_CHARS)

    def _give_up_if(self, is_hopeless: bool) -> None:
        """Leave it to the check of the whole answer."""
        if is_hopeless:
            self.is_over = True
            self._text = ""

    def _followed(self, follower: Follower, text: str) -> str:
        """What of this piece goes out, after the JSON was followed through it."""
        settled = self._escapes.pass_on(follower.feed(text))
        if self.is_open:
            self._end_where(follower)
            return settled
        self._settled.append(settled)
        fits = follower.status in ("open", "closed") and not self._escapes.is_in_doubt
        if settled and fits and self._may_go(settled):
            self.is_open = True
            self._text = ""
            self._end_where(follower)
            return "".join(self._settled)
        if follower.status != "open":
            self._pass_over(follower)
        self._give_up_if(self._escapes.is_in_doubt)
        return ""

    def _end_where(self, follower: Follower) -> None:
        self.finding = follower.finding
        self.is_over = follower.status != "open" or self._escapes.is_in_doubt

    def _pass_over(self, follower: Follower) -> None:
        """What was followed ended before it had proved itself."""
        begins_json = BEGINS_JSON.match(self._text, self._begin) is not None
        finding = follower.finding
        is_other = finding is not None and (finding.path, finding.keyword) == ("$", "type")
        self._follower = None
        if follower.status == "closed":
            self._from = self._begin + sum(map(len, self._settled))
        elif not begins_json:
            self._from = self._begin + 1
        elif finding is None or is_other:
            self._give_up_if(True)  # what follows are parts of it
        else:
            self.finding = finding
            self.is_over = True
        self._give_up_if(self._mentions > MAX_MENTIONS)
