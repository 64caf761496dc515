"""One script for each version of the schema. A released one is never changed."""
