#!/usr/bin/env bash
# Runs a test on this machine's GPU: run.sh COMMAND... Exits 77, skipped, where there is none.
set -euo pipefail
if ! nvidia-smi -L 2>/dev/null; then
  echo "no GPU: nvidia-smi lists none"
  exit 77
fi
export NCCL_MULTI_RANK_GPU_ENABLE=1 # ranks share a device where there are too few
# shellcheck disable=SC2086 # the tool has options
exec ${MIMO_GPU_TOOL-} "$@"
