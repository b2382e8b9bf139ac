#!/usr/bin/env bash
# Trains the prior and the fusion of face-1024 at full size on one GPU, in 25 minutes.
#
#   recipes/face-1024.sh FACES OTHERS LPIPS IDENTITY RUN [OPTION...]
#
# FACES and OTHERS are folders or tar shards to train on and to look at, LPIPS and IDENTITY the weights of the
# networks that judge, RUN is where the files go. Options are those of grain-train and come last, so they win.
set -euo pipefail
faces=$1 others=$2 lpips=$3 identity=$4 run=$5
shift 5
sizes=$(dirname "$0")/face-1024.json

# A stage that is finished is not trained again when the recipe is; one that was killed goes on, its minutes anew.
number=0
stage() {
    name=$1 number=$((number + 1))
    shift
    [ ! -e "$run/finished-$number" ] || return 0
    grain-train "$name" -m "$sizes" --data "$faces" --validation "$others" --exp-dir "$run" \
        --lpips-weights "$lpips" --lpips-window 256 --identity-weights "$identity" \
        --l2-lambda 8 --lpips-lambda 1 --id-lambda 0.2 --flips --average 0.999 \
        --spectrum-lambda 0.5 --spectrum-window 32 --spectrum-window 256 \
        --precision auto --workers 14 --checkpoint-every 500 --validate-every 2000 "$@"
    touch "$run/finished-$number"
}

stage prior --batch-size 16 --minutes 7 --adv-lambda 0.01 "$@"
stage fusion --batch-size 16 --minutes 10 --adv-lambda 0.02 --lattice-lambda 1.5 "$@"
stage finetune --batch-size 16 --minutes 8 --l2-lambda 4 --lpips-lambda 1.5 --adv-lambda 0.02 --lattice-lambda 1.5 "$@"
grain-train export -m "$sizes" --exp-dir "$run" -o "$run" \
    --origin "Rescaling of the shipped face-1024; prior and fusion by recipes/face-1024.sh"
