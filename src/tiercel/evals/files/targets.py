"""`targets` (promptfoo: `providers`): who is compared."""

from tiercel.domain.errors import CallerError
from tiercel.evals.evaluation import Candidate
from tiercel.evals.files.complaints import Complaints
from tiercel.evals.files.documents import Document
from tiercel.evals.files.surroundings import Address, Addresses
from tiercel.evals.files.tables import EvaluationTable, TargetTable
from tiercel.policy.problems import Steps, listed
from tiercel.routing.names import AUTO, RULE_PREFIX

OURS = frozenset(("model", "messages", "stream", "stream_options", "n"))
"""Request fields that the evaluation sets itself."""
KINDS = frozenset(("chat", "completion", "embedding", "embeddings", "messages", "responses"))
"""What promptfoo says between the provider and the model."""
PROGRAMS = ("file://", "exec:", "python:", "javascript:", "http:", "https:", "webhook:", "ws:", "wss:")
MODELS_SHOWN = 8


class UnknownTarget(Exception):
    """A name that stands for nothing; the message says what there is."""


def read_targets(
    table: EvaluationTable, document: Document, addresses: Addresses | None, complaints: Complaints
) -> list[Candidate]:
    """The candidates, in their order; what is wrong with one is noted."""
    word = "providers" if table.providers else "targets"
    if table.providers and table.targets:
        complaints.add(document.name, "`targets` and `providers` mean the same; keep one", key=("providers",))
    entries = table.providers or table.targets
    if not entries:
        complaints.add(document.name, "name at least one candidate, such as `targets: [auto]`", key=(word,))
    found: list[Candidate] = []
    for position, entry in enumerate((entries,) if isinstance(entries, str) else entries):
        key: Steps = (word,) if isinstance(entries, str) else (word, position)
        row = TargetTable(id=entry) if isinstance(entry, str) else entry
        try:
            candidate = _candidate(row, addresses)
        except UnknownTarget as error:
            complaints.add(document.name, str(error), line=document.line_of(key), key=key)
            continue
        if any(candidate.id == other.id for other in found):
            complaints.add(
                document.name,
                f"two candidates are called {candidate.id!r}; give one another `id`",
                line=document.line_of(key),
                key=key,
            )
        for field in sorted(OURS & candidate.fields.keys()):
            at = (*key, "config", field)
            complaints.add(
                document.name, "set by the evaluation itself; leave it out", line=document.line_of(at), key=at
            )
        found.append(candidate)
    _check_baseline(table, found, document, complaints)
    return found


def _check_baseline(
    table: EvaluationTable, found: list[Candidate], document: Document, complaints: Complaints
) -> None:
    ids = [candidate.id for candidate in found]
    if table.baseline is not None and table.baseline not in ids and ids:
        complaints.add(
            document.name,
            f"{table.baseline!r} is none of the candidates {listed(ids)}",
            line=document.line_of(("baseline",)),
            key=("baseline",),
        )


def _candidate(row: TargetTable, addresses: Addresses | None) -> Candidate:
    if row.model is not None and row.route is not None:
        raise UnknownTarget("`model` and `route` are two candidates; keep one")
    named = RULE_PREFIX + row.route if row.route is not None else row.model or row.id
    if named is None:
        raise UnknownTarget(
            "which model? write `model: NAME`, or `route: NAME` for one of the policy's rules"
        )
    if row.effort is not None:
        named = f"{named}@{row.effort}"
    address = find_address(named, addresses)
    by_name = row.id if row.model is not None or row.route is not None else None
    return Candidate(
        id=row.label or by_name or row.route or address.name,
        address=address.name,
        helped=address.helped,
        fields=row.config,
    )


def find_address(named: str, addresses: Addresses | None) -> Address:
    """What a client would say for it. Raises `UnknownTarget` where the configuration knows nothing like it."""
    if named.startswith(PROGRAMS):
        raise UnknownTarget(
            f"{named!r} is a program or address of its own, which is not called; name a model"
        )
    candidates = possible_names(named)
    if addresses is None:
        name = candidates[0] if ":" not in named or named.startswith(RULE_PREFIX) else candidates[-1]
        return Address(name=name, helped=name == AUTO or name.startswith(RULE_PREFIX))
    for name in candidates:
        try:
            return addresses.find(name)
        except CallerError:
            continue
    models = addresses.models
    if not models:
        raise UnknownTarget(
            f"{named!r}: no model is configured; `tiercel init` writes a configuration, or try --lab"
        )
    more = f" and {len(models) - MODELS_SHOWN} more" if len(models) > MODELS_SHOWN else ""
    raise UnknownTarget(
        f"no model, tier or rule is called {named!r}; there are {', '.join(models[:MODELS_SHOWN])}{more}"
    )


def possible_names(named: str) -> list[str]:
    """A name as it is, and what promptfoo's `openai:chat:gpt-x` may be called here: `openai/gpt-x`, `gpt-x`."""
    provider, colon, rest = named.partition(":")
    if not colon or named.startswith(RULE_PREFIX):
        return [named]
    kind, further, model = rest.partition(":")
    if further and kind in KINDS:
        rest = model
    return [named, f"{provider}/{rest}", rest]
