#!/bin/bash
# Map slides with a job array of SLURM: task I of N maps every Nth slide.
#
#   sbatch --array=0-19 slurm-segment.sh SLIDES/ --model model.safetensors --output maps/
#
# All arguments are those of `carcinomap segment`. Slides, model and output lie on storage that all
# machines share. Activate carcinomap's environment before: sbatch passes it on. The array begins
# with 0; slides that are done are passed over, so the same command again maps only what is missing.

#SBATCH --job-name=carcinomap-segment
#SBATCH --array=0-9
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --mem=16G
##SBATCH --gpus=1
#SBATCH --time=04:00:00
#SBATCH --output=%x-%A_%a.log
#SBATCH --open-mode=append
# A task whose machine fails begins again. One that comes near its time limit is told two minutes
# before, stops after the tile it is at, and goes on in its next turn.
#SBATCH --requeue
#SBATCH --signal=B:USR1@120

if [[ " $* " == *" --overwrite "* ]]; then
    echo "--overwrite would make maps anew in each turn; remove the old ones before" >&2
    exit 2
fi

task=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID  # SLURM_JOB_ID may stand for the whole array
most_turns=50
near_the_end=

stop() {
    near_the_end=yes
    scancel --signal=TERM "$task"
    # The step alone, as this script goes on. Not a child of this shell: `wait "$step"` can wait
    # for other children too.
    ( (sleep 90 && scancel --signal=KILL "$task.0") &)
}
trap stop USR1

srun --cpus-per-task="$SLURM_CPUS_PER_TASK" carcinomap segment "$@" \
    --shard "$((SLURM_ARRAY_TASK_ID + 1))/$SLURM_ARRAY_TASK_COUNT" \
    --processes 1 --workers "$SLURM_CPUS_PER_TASK" &
step=$!
wait "$step"
code=$?
if [[ $near_the_end ]]; then
    wait "$step"  # the signal ended the first one
    code=$?
    if ((code != 0 && ${SLURM_RESTART_COUNT:-0} < most_turns)); then
        scontrol requeue "$task"
    fi
fi
exit "$code"
