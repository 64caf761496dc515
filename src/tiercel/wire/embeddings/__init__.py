"""Embeddings: OpenAI's `/v1/embeddings` for clients, and what each upstream format has in its place. Pure."""

from tiercel.wire.embeddings.client import decode_embedding_request, encode_embeddings_answer, estimated_usage
from tiercel.wire.embeddings.upstream import decode_embeddings, embeddings_refusal, encode_embeddings

__all__ = [
    "decode_embedding_request",
    "decode_embeddings",
    "embeddings_refusal",
    "encode_embeddings",
    "encode_embeddings_answer",
    "estimated_usage",
]
