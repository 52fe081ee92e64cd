#!/bin/bash
# ResNet-50 on 2 nodes of 8 GPUs: sbatch docs/cluster/slurm.sh
#SBATCH --job-name=resnet50
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=8
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=12
#SBATCH --mem=0
#SBATCH --time=24:00:00
#SBATCH --signal=TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=resnet50_%j.log
set -euo pipefail
SHARED=${SHARED:-/shared}
source "$SHARED/venv/bin/activate"
export IMAGENET_REAL_DATA="$SHARED/imagenet_real"  # labels/ in it holds label files: nodes often have no network
export XLA_PYTHON_CLIENT_MEM_FRACTION=0.9
export OMP_NUM_THREADS=1
code=0
srun imagenet-real train_resnet50 --images=tfds:imagenet2012 \
    --tfds_dir="$SHARED/tensorflow_datasets" --workers=10 --workdir="$SHARED/runs/resnet50" \
    --distributed=auto || code=$?
# 143: SIGTERM before the time is up. The run has saved its step and goes on in the same job, which starts anew.
if [ "$code" -eq 143 ]; then scontrol requeue "$SLURM_JOB_ID"; fi
exit "$code"
