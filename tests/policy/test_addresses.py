"""Azure, Vertex and Ollama's own API can be written in the file, and are called where they are."""

import pytest

from tiercel.policy.addresses import url_complaint
from tiercel.policy.settings_file import read_settings
from tiercel.upstream.auth import call_url, credential_headers
from tiercel.wire.quirks import call_path

WRITTEN = """
version = 1
[providers.azure]
base_url = "https://our.openai.azure.com"
quirks = "azure"
key_env = "A_KEY"
[providers.older]
base_url = "https://our.openai.azure.com?api-version=2025-04-01-preview"
quirks = "azure_deployments"
key_env = "A_KEY"
[providers.vertex]
format = "gemini"
base_url = "https://eu-aiplatform.googleapis.com/v1/projects/p/locations/eu/publishers/google"
quirks = "vertex"
key_env = "A_KEY"
[providers.ollama_native]
[models.mine]
served_by = { azure = "gpt", older = "gpt", vertex = "gemini-x", ollama_native = "qwen3" }
"""


def test_each_is_called_where_it_is_with_its_own_credential() -> None:
    catalog = read_settings(WRITTEN, "tiercel.toml", {"A_KEY": "sk-1"}).catalog
    older = catalog.deployments["older/mine"]
    path = call_path(older, "/chat/completions")
    assert call_url(older.provider, path) == (
        "https://our.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2025-04-01-preview"
    )
    assert credential_headers(catalog.providers["azure"], "openai_chat") == (("api-key", "sk-1"),)
    assert credential_headers(catalog.providers["vertex"], "gemini") == (("authorization", "Bearer sk-1"),)
    assert catalog.providers["ollama_native"].format == "ollama"
    assert catalog.providers["ollama_native"].residency == ("local",)


@pytest.mark.parametrize("query", ["key=1", "api-version=1&key=1", "api-version=", "api-version=a/b"])
def test_an_address_has_no_parameter_but_azures_version(query: str) -> None:
    """Any other may be a credential."""
    assert url_complaint(f"https://host.example/v1?{query}", "x") is not None
    assert url_complaint("https://host.example/v1?api-version=2024-10-21", "x") is None
