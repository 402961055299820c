#!/bin/bash
# Map slides on a Ray cluster that lives in one SLURM job, on whole machines.
#
#   sbatch --nodes=4 slurm-ray.sh SLIDES/ --model model.safetensors --output maps/
#
# All arguments are those of `carcinomap segment`. Slides, model and output lie on storage that all
# machines share. Activate carcinomap's environment before, with its extra `cluster`: sbatch passes
# it on. The same command again maps only what is missing.

#SBATCH --job-name=carcinomap-ray
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --mem=0
##SBATCH --gpus-per-node=4
#SBATCH --time=04:00:00
#SBATCH --output=%x-%j.log
#SBATCH --open-mode=append
# A job whose machine fails begins again. One that comes near its time limit is ended two minutes
# before; its next turn goes on from the journals of the slides.
#SBATCH --requeue
#SBATCH --signal=B:USR1@120

most_turns=50
near_the_end=

stop() {
    near_the_end=yes
    scancel --signal=TERM "$SLURM_JOB_ID"
    (sleep 90 && scancel --signal=KILL "$SLURM_JOB_ID") &
}
trap stop USR1

head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export RAY_SYMMETRIC_RUN_CLUSTER_WAIT_TIMEOUT=300
srun --kill-on-bad-exit=1 --cpus-per-task="$SLURM_CPUS_ON_NODE" \
    ray symmetric-run --address "$head:6379" --min-nodes "$SLURM_NNODES" -- \
    carcinomap segment "$@" --cluster auto &
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
