#!/usr/bin/env bash
# Checks the SARIF form over golden files whose diagnostics are of many kinds: sarif.sh MIMOC
# Skipped (77) where there is no Python.
set -euo pipefail
mimoc=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
command -v python3 >/dev/null || { echo "there is no python3"; exit 77; }
cd "$here/../golden"
python3 "$here/sarif.py" "$mimoc" chain.mimo allow_list.mimo multiline.mimo end_of_file.mimo wide_clip.mimo \
  color.mimo E0101.mimo E0106.mimo E0201.mimo E0302.mimo E0503.mimo W0101.mimo W0502.mimo W0601.mimo example_ok.mimo
