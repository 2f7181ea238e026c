#!/usr/bin/env bash
# What a GPU is needed for, in 8 minutes of one: experiments/gpu.sh OUT, from a checkout, nothing installed.
# Parts whose result is in OUT are skipped, trainings go on where they were stopped: start it again as often as need be.
# SIZE=nano MINUTES=0.1 DEVICE=cpu experiments/gpu.sh OUT tries all of it on a processor. What is no result (kernels,
# checkpoints) is kept in OUT.work. PYTHON names another python3.
set -eu
out=$(realpath -m "${1:?usage: experiments/gpu.sh OUT}")
cd "$(dirname "$0")/.."
export PYTHONPATH="$PWD" PYTHONUNBUFFERED=1 OMP_WAIT_POLICY=PASSIVE
export MDMTHEORY_CACHE="${MDMTHEORY_CACHE:-$out.work/kernels}"
exec "${PYTHON:-python3}" experiments/gpu.py "$out"
