#!/usr/bin/env bash
# Trains the prior and the fusion of face-1024 as the shipped weights have them: drawn at 256 px, on two CPU cores.
#
#   recipes/face-1024-cpu.sh FACES OTHERS LPIPS IDENTITY RUN [OPTION...]
#
# FACES and OTHERS are folders or tar shards to train on and to look at, LPIPS and IDENTITY the weights of the
# networks that judge, RUN is where the files go. Options are those of grain-train and come last, so they win.
# The fusion may add what all cells share at first, and that is filtered out later: so it came to be.
set -euo pipefail
faces=$1 others=$2 lpips=$3 identity=$4 run=$5
shift 5
repeating=$(dirname "$0")/face-1024-repeating.json
export OMP_NUM_THREADS=1

# A stage that is finished is not trained again when the recipe is; one that was killed goes on, its minutes anew.
number=0
stage() {
    name=$1 number=$((number + 1))
    shift
    [ ! -e "$run/finished-$number" ] || return 0
    torchrun --standalone --nproc-per-node 2 -m grain_codec.cli.train "$name" \
        --data "$faces" --validation "$others" --exp-dir "$run" --batch-size 3 --workers 0 --flips \
        --lpips-weights "$lpips" --lpips-window 112 --identity-weights "$identity" --adv-window 96 \
        --id-lambda 0.2 --average 0.99 --validation-faces 12 --validate-every 250 --checkpoint-every 100 "$@"
    touch "$run/finished-$number"
}

stage prior -m "$repeating" --minutes 10 --l2-lambda 16 --lpips-lambda 0.5 --adv-lambda 0 --spectrum-lambda 2 "$@"
stage fusion -m "$repeating" --minutes 42 --seed 1 --l2-lambda 8 --lpips-lambda 1 --adv-lambda 0.05 \
    --spectrum-lambda 2 --learning-rate 8e-4 "$@"
stage finetune -m "$repeating" --minutes 25 --seed 2 --l2-lambda 8 --lpips-lambda 1 --adv-lambda 0.1 \
    --spectrum-lambda 2 --discriminator-weights "$run/fusion/Fusion_dis.pt" "$@"
stage finetune --exp-dir "$run/filtered" --minutes 45 --seed 6 --l2-lambda 8 --lpips-lambda 1 --adv-lambda 0.1 \
    --spectrum-lambda 2 --learning-rate 6e-4 --schedule constant --prior-checkpoint "$run/finetune/prior.pt" \
    --fusion-checkpoint "$run/finetune/fusion.pt" --discriminator-weights "$run/finetune/finetune_dis.pt" "$@"
filtered=$run/filtered/finetune
stage finetune --exp-dir "$run/lattice" --minutes 38 --seed 8 --l2-lambda 8 --lpips-lambda 1 --adv-lambda 0.2 \
    --spectrum-lambda 2 --lattice-lambda 1.5 --learning-rate 6e-4 --prior-checkpoint "$filtered/prior.pt" \
    --fusion-checkpoint "$filtered/fusion.pt" --discriminator-weights "$filtered/finetune_dis.pt" "$@"
lattice=$run/lattice/finetune
stage finetune --exp-dir "$run/perceptual" --minutes 100 --seed 10 --l2-lambda 4 --lpips-lambda 1.5 --adv-lambda 0.2 \
    --spectrum-lambda 2 --lattice-lambda 1.5 --learning-rate 8e-4 --prior-checkpoint "$lattice/prior.pt" \
    --fusion-checkpoint "$lattice/fusion.pt" --discriminator-weights "$lattice/finetune_dis.pt" "$@"
grain-train export --exp-dir "$run/perceptual" -o "$run" \
    --origin "Rescaling of the shipped face-1024; prior and fusion by recipes/face-1024-cpu.sh"
