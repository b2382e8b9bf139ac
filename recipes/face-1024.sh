#!/usr/bin/env bash
# Trains the prior and the fusion of face-1024, which draw `fused` at 1024 px.
#
#   recipes/face-1024.sh FACES OTHERS GENERATOR LPIPS IDENTITY RUN [OPTION...]
#
# FACES and OTHERS are folders or tar shards of 1024 px faces to train on and to look at. GENERATOR is a pretrained
# MobileStyleGAN, LPIPS and IDENTITY are the weights of the networks that judge, RUN is where the files go. Options are
# those of grain-train and come last, so they win: on a GPU, say, --batch-size 16 --precision auto --workers 14.
set -euo pipefail
faces=$1 others=$2 generator=$3 lpips=$4 identity=$5 run=$6
shift 6

# A stage that is finished is not trained again when the recipe is; one that was killed goes on, its minutes anew.
stage() {
    name=$1
    shift
    [ ! -e "$run/finished-$name" ] || return 0
    grain-train "$name" --data "$faces" --validation "$others" --exp-dir "$run" --validation-faces 8 "$@"
    touch "$run/finished-$name"
}

# The processor must know bfloat16; without it, give --precision float32.
stage prior --minutes 13 --precision bfloat16 --generator-weights "$generator" "$@"
stage finetune --minutes 95 --precision bfloat16 --flips --workers 0 --lpips-weights "$lpips" --lpips-lambda 1 \
    --identity-weights "$identity" --id-lambda 0.8 --adv-lambda 0.15 --validate-every 1000 "$@"
grain-train export --exp-dir "$run" -o "$run" \
    --origin "Rescaling of the shipped face-1024; prior and fusion by recipes/face-1024.sh"
