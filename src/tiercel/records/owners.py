"""Whose money it is: the names under which the spending of keys and projects is kept."""

DAY_SECONDS = 86_400


def key_owner(key_id: str) -> str:
    return f"key:{key_id}"


def project_owner(project: str) -> str:
    return f"project:{project}"


def owners_of(key_id: str, project: str) -> tuple[str, ...]:
    """Who pays for a request: its key, and the project of its key; nobody for one without a key of the store."""
    if not key_id:
        return ()
    return (key_owner(key_id), project_owner(project)) if project else (key_owner(key_id),)
