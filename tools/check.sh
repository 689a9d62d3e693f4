#!/usr/bin/env bash
# Everything that can be said about the project without running it. Goes on after a failure, and says at the end what failed.
set -uo pipefail
cd "$(dirname "$0")/.."
unset PYTHONDONTWRITEBYTECODE VIRTUAL_ENV
export SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1
python3 tools/bootstrap.py project sam audit || exit 1
mkdir -p out
failed=()

check() { # check NAME COMMAND...: one line when all is well, the output when it is not
    local name=$1 started=$SECONDS output
    shift
    if output=$("$@" 2>&1 </dev/null); then
        printf 'ok    %-28s %3d s\n' "$name" $((SECONDS - started))
    else
        printf 'FAIL  %-28s %3d s\n%s\n' "$name" $((SECONDS - started)) "$output"
        failed+=("$name")
    fi
}

# Rooms are checked as soon as they exist.
typed=()
for room in layers/core/packshot layers/imaging/packshot_weights layers/imaging/packshot_sets admin/packshot_admin client/packshot_client simulators bench tools functions; do
    [[ -n $(find "$room" -name '*.py' -print -quit 2>/dev/null) ]] && typed+=("$room")
done

check "ruff check" .venv/bin/ruff check .
check "ruff format" .venv/bin/ruff format --check .
check "mypy --strict" .venv/bin/mypy "${typed[@]}"
check "import contracts" .venv/bin/lint-imports
check "generated API files" .venv/bin/python tools/openapi.py --check
check "uv lock" .tools/uv/bin/uv lock --check
check "cfn-lint" .venv/bin/cfn-lint template.yaml
check "sam validate --lint" .tools/sam/bin/sam validate --lint
check "cfn-lint, transformed" bash -c '.venv/bin/python tools/transform.py > out/transformed.json && .venv/bin/cfn-lint out/transformed.json'
check "checkov" .tools/audit/bin/python tools/audit.py checkov template.yaml out/transformed.json
check "parliament" .tools/audit/bin/python tools/audit.py parliament out/transformed.json
check "architecture" .venv/bin/pytest -q tests/architecture

if ((${#failed[@]})); then
    printf '%s failed\n' "${failed[@]}"
    exit 1
fi
