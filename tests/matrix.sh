#!/usr/bin/env bash
# The tests that depend on the version of datasets, with each version that is said to work in an
# environment of its own: datasets and what it needs, nothing else. Usage: matrix.sh PYTHON, the
# interpreter of the development environment. Environments are kept in build/matrix.
set -euo pipefail
python="$1"
cd "$(dirname "$0")/.."
folder="${OPENCODEINSTRUCT_MATRIX_FOLDER:-$PWD/build/matrix}"
versions=(3.6.0 4.0.0 5.2.0)

pairs=()
for version in "${versions[@]}"; do
  place="$folder/$version"
  if [ ! -e "$place/.installed" ]; then
    "$python" -m venv --clear "$place"
    "$place/bin/python" -m pip install --quiet --disable-pip-version-check "datasets==$version"
    touch "$place/.installed"
  fi
  pairs+=("$version=$place/bin/python")
done

IFS=:
OPENCODEINSTRUCT_MATRIX="${pairs[*]}" "$python" -m pytest tests/hub/test_versions.py
