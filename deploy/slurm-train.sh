#!/bin/bash
# Train on several machines with SLURM, a process for each GPU.
#
#   sbatch --nodes=2 --gpus-per-node=4 --ntasks-per-node=4 slurm-train.sh SLIDES/ RUN/ --batch 64
#
# After slides and the folder of the run come any options of `carcinomap train`. Both lie on storage
# that all machines share. Activate carcinomap's environment before: sbatch passes it on. The same
# command again goes on with the run. Without GPUs: no --gpus-per-node, and --device cpu at the end.

#SBATCH --job-name=carcinomap-train
#SBATCH --nodes=2
# As many tasks as GPUs. All GPUs of a machine are shown to all its tasks: no --gpus-per-task.
#SBATCH --ntasks-per-node=4
#SBATCH --cpus-per-task=4
#SBATCH --mem=64G
#SBATCH --time=12:00:00
#SBATCH --output=%x-%j.log
#SBATCH --open-mode=append
# A job whose machine fails begins again. One that comes near its time limit is told two minutes
# before, and goes on in its next turn from its last validation.
#SBATCH --requeue
#SBATCH --signal=B:USR1@120

slides=${1:?slides, then the folder of the run, then options of carcinomap train}
run=${2:?the folder of the run}
shift 2

again=()
if [[ -e $run/checkpoints/last.ckpt || -e $run/folds.csv ]]; then
    again=(--resume)
elif ((${SLURM_RESTART_COUNT:-0} > 0)); then
    again=(--overwrite)  # its first turn ended before the first validation
fi

most_turns=50
near_the_end=

stop() {
    near_the_end=yes
    scancel --signal=TERM "$SLURM_JOB_ID"
    # The step alone, as this script goes on. Not a child of this shell: `wait "$step"` can wait
    # for other children too.
    ( (sleep 90 && scancel --signal=KILL "$SLURM_JOB_ID.0") &)
}
trap stop USR1

srun --kill-on-bad-exit=1 --cpus-per-task="$SLURM_CPUS_PER_TASK" \
    carcinomap train "$slides" --output "$run" "$@" "${again[@]}" \
    --nodes "$SLURM_NNODES" --devices "$SLURM_NTASKS_PER_NODE" &
step=$!
wait "$step"
code=$?
if [[ $near_the_end ]]; then
    wait "$step"  # the signal ended the first one
    code=$?
    if ((code != 0 && ${SLURM_RESTART_COUNT:-0} < most_turns)); then
        scontrol requeue "$SLURM_JOB_ID"
    fi
fi
exit "$code"
