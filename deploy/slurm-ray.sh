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
# A job whose machine fails begins again. One that comes near its time limit is told two minutes
# before, stops after the tiles it is at, and goes on in its next turn.
#SBATCH --requeue
#SBATCH --signal=B:USR1@120

if [[ " $* " == *" --overwrite "* ]]; then
    echo "--overwrite would make maps anew in each turn; remove the old ones before" >&2
    exit 2
fi

most_turns=50
near_the_end=
head=$SLURMD_NODENAME  # this script runs on the first of the machines
log=$PWD/$SLURM_JOB_NAME-$SLURM_JOB_ID-ray.log
ready=$(mktemp --dry-run)

# Whoever reaches Ray's ports could run code as you, did they not ask for this job's own token.
RAY_AUTH_TOKEN=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
export RAY_AUTH_TOKEN RAY_AUTH_MODE=token RAY_SYMMETRIC_RUN_CLUSTER_WAIT_TIMEOUT=300

# Ray stays until the job ends.
srun --cpus-per-task="$SLURM_CPUS_ON_NODE" --output="$log" --kill-on-bad-exit=1 \
    ray symmetric-run --address "$head:6379" --min-nodes "$SLURM_NNODES" -- \
    bash -c "touch $ready && exec sleep infinity" &
until [[ -e $ready ]]; do
    kill -0 $! 2>/dev/null || { echo "Ray did not start; see $log" >&2 && exit 1; }
    sleep 1
done
rm "$ready"

stop() {
    near_the_end=yes
    kill -TERM "$step"
    # Not a child of this shell: `wait "$step"` can wait for other children too.
    ( (sleep 90 && kill -KILL "$step") &)
}
trap stop USR1

carcinomap segment "$@" --cluster "$head:6379" &
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
