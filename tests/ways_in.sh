#!/usr/bin/env bash
# Each way to install the package lets a program elsewhere import it and run its command.
set -euo pipefail
checkout=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-$checkout/.venv/bin/python}
elsewhere=$(mktemp -d)
trap 'rm -rf "$elsewhere"' EXIT
cd "$elsewhere"

try() { # NAME PIP-ARGUMENTS...
    local name=$1 bin=$elsewhere/$1/bin
    shift
    # The dependencies are those of the development environment; only the package itself is new.
    "$python" -m venv --system-site-packages --without-pip "$elsewhere/$name"
    local site
    site=$("$bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    "$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))' >"$site/dependencies.pth"
    "$python" -m pip --python "$bin/python" install --quiet --disable-pip-version-check \
        --no-deps --no-build-isolation --ignore-installed "$@"
    "$bin/python" -c '
from opencodeinstruct import OpenCodeInstruct
import opencodeinstruct, opencodeinstruct.builder.schema, opencodeinstruct.tools.stages.judge
assert OpenCodeInstruct.__module__ == "opencodeinstruct"
print(opencodeinstruct.builder.schema.__file__)'
    "$bin/python" -m opencodeinstruct.tools --version
    "$bin/opencodeinstruct" --version
    "$bin/opencodeinstruct" init "$name-recipe" && "$bin/opencodeinstruct" validate "$name-recipe/quickstart.yaml"
}

try wheel "$checkout"
try editable --editable "$checkout"
