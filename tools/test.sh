#!/usr/bin/env bash
# All tests: first those in one process, side by side, then those against a stack that is deployed for them.
#   tools/test.sh            everything
#   tools/test.sh fast       without the deployed stack
#   tools/test.sh sweeps     the long tables alone: every fault of every provider, every order of three, bad servers, a crowd, an outage
# Those of the architecture are part of tools/check.sh, the crash harness of tools/crash.sh.
# The stack has a port and a folder of its own, so that a running `make up` is not disturbed.
set -uo pipefail
cd "$(dirname "$0")/.."
unset PYTHONDONTWRITEBYTECODE VIRTUAL_ENV
# Tests never see the caller's AWS account or a provider's key.
for name in $(compgen -e); do
    case $name in AWS_* | *_API_KEY | *_API_TOKEN) unset "$name" ;; esac
done
python3 tools/bootstrap.py || exit 1
export PACKSHOT_PORT=${PACKSHOT_TEST_PORT:-4666} PACKSHOT_OUT=out/test
status=0

rooms=()
for room in unit contract integration flow crash security; do
    [[ -n $(find "tests/$room" -name 'test_*.py' -print -quit 2>/dev/null) ]] && rooms+=("tests/$room")
done
if [[ ${1:-} == sweeps ]]; then
    exec .venv/bin/pytest -q -n 2 --dist loadfile -m sweep "${rooms[@]}"
fi
.venv/bin/pytest -q -n 2 --dist loadfile -m "not sweep" "${rooms[@]}" || status=1

if [[ ${1:-} != fast && -n $(find tests/e2e -name 'test_*.py' -print -quit 2>/dev/null) ]]; then
    trap 'python3 tools/local.py down' EXIT
    python3 tools/local.py up && .venv/bin/pytest -q tests/e2e || status=1
fi
exit $status
