#!/usr/bin/env bash
# Write the lock files: every dependency pinned with the hashes of its files, for all platforms and Python 3.11+.
set -euo pipefail
cd "$(dirname "$0")/.."
lock() { uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url "$@"; }
lock pyproject.toml -o requirements.lock
lock pyproject.toml --extra dev -o requirements-dev.lock
