"""Embeddings: OpenAI's and Gemini's calls for clients, and what each upstream format has in their place. Pure."""

from tiercel.wire.embeddings.client import decode_embedding_request, encode_embeddings_answer, estimated_usage
from tiercel.wire.embeddings.gemini_client import (
    decode_batch_embed_contents,
    decode_embed_content,
    encode_batch_embed_contents,
    encode_embed_content,
)
from tiercel.wire.embeddings.upstream import decode_embeddings, embeddings_refusal, encode_embeddings

__all__ = [
    "decode_batch_embed_contents",
    "decode_embed_content",
    "decode_embedding_request",
    "decode_embeddings",
    "embeddings_refusal",
    "encode_batch_embed_contents",
    "encode_embed_content",
    "encode_embeddings",
    "encode_embeddings_answer",
    "estimated_usage",
]
