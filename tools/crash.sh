#!/usr/bin/env bash
# The crash harness (tests/crash/__main__.py says what it can be asked), or a soak of it: tools/crash.sh [WORD...]
set -uo pipefail
cd "$(dirname "$0")/.."
unset PYTHONDONTWRITEBYTECODE VIRTUAL_ENV
# As for the tests: nobody's AWS account, nobody's key.
for name in $(compgen -e); do
    case $name in AWS_* | *_API_KEY | *_API_TOKEN) unset "$name" ;; esac
done
python3 tools/bootstrap.py || exit 1
export OPENBLAS_NUM_THREADS=1 PYTHONPATH=tools
if [[ ${1:-} == soak ]]; then
    PACKSHOT_SOAK=1 .venv/bin/pytest -q tests/integration/test_aws_ledger.py || exit 1
fi
exec .venv/bin/python -m tests.crash "$@"
