#!/usr/bin/env bash
# A sweep as an array of Slurm jobs, a shard each, and one job that gathers them.
#   mkdir -p logs && examples/sweeps/slurm-array.sh SWEEP.toml DIR [SHARDS]
# DIR lies on a disk that all nodes see. The same line again makes what is missing. LATETIME names the program where it
# is not on the PATH; SBATCH_PARTITION, SBATCH_ACCOUNT and their like are Slurm's own.
set -euo pipefail

if [ "${1:-}" = --shard ]; then  # in a job of the array
  exec "${LATETIME:-latetime}" sweep "$2" --out "$3" --shard "$SLURM_ARRAY_TASK_ID/$4" --resume \
    --jobs "${SLURM_CPUS_PER_TASK:-1}" --quiet
fi

[ $# -ge 2 ] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
sweep=$(realpath "$1") out=$(realpath -m "$2") shards=${3:-16} script=$(realpath "$0")
array=$(sbatch --parsable --job-name=sweep --array="1-$shards" --cpus-per-task="${CPUS:-4}" --time="${TIME:-24:00:00}" \
  --output="${LOGS:-logs}/sweep-%A-%a.log" "$script" --shard "$sweep" "$out" "$shards")
sbatch --parsable --job-name=merge --dependency="afterany:$array" --output="${LOGS:-logs}/merge-%j.log" \
  --wrap="${LATETIME:-latetime} sweep --merge '$out'"
