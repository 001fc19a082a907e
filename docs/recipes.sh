#!/usr/bin/env bash
# Trains and compares what docs/recipes.md shows: one run for each recipe and seed, at 64×64 (20 epochs) and 128×128
# (10 epochs).
#   bash docs/recipes.sh FACADES WEIGHTS runs/recipes [JOBS]
# FACADES is the data set's folder, WEIGHTS the one of docs/efficientnet.py. JOBS trainings run side by side, one thread each (default 2). A run that was stopped
# is resumed; one that is complete stays as it is.
set -euo pipefail
cd "$(dirname "$0")/.."
data=$1 weights=$2 output=$3 jobs=${4:-2}

# Name, flagfile, and what is changed in it.
recipes=(
  "paper facades"
  "tutorial gluon_facades"
  "pool_50 facades --pool_size=50"
  "no_jitter facades --nocrop --noflip"
  "batch_4 facades --batch_size=4"
  "batch_10 facades --batch_size=10"
  "l1_only facades --gan_weight=0"
  "gan_only facades --l1_weight=0"
  "no_dropout facades --dropout=0"
)

for size_epochs in "64 20" "128 10"; do
  read -r size epochs <<<"$size_epochs"
  for seed in 0 1; do
    for recipe in "${recipes[@]}"; do
      read -r name flagfile change <<<"$recipe"
      # The paper's flagfile lowers the learning rate over the second half, the tutorial's never does.
      decay=$([[ $flagfile == facades ]] && echo $((epochs / 2)) || echo 0)
      echo "--flagfile=tfpix2pix/flagfiles/$flagfile.flags --data=$data --image_size=$size --epochs=$epochs" \
        "--decay_epochs=$decay --generator_width=16 --discriminator_width=16 --seed=$seed $change" \
        "--run_dir=$output/$size/$name-$seed"
    done
  done
done | TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 nice -n 19 \
  xargs -P "$jobs" -I{} sh -c '.venv/bin/python -m tfpix2pix.train {} --log_every=50 >/dev/null || echo "failed: {}" >&2'

# Compares each recipe's seeds with the paper's, by their last checkpoints, which were not chosen on these images.
for size_epochs in "64 30" "128 12"; do
  read -r size epochs <<<"$size_epochs"
  segmenter=$output/segmenter-$size
  [[ -d $segmenter ]] || .venv/bin/python docs/segmenter.py "$data" "$weights" "$size" "$epochs" "$segmenter"
  runs=()
  for recipe in "${recipes[@]}"; do
    read -r name _ <<<"$recipe"
    runs+=("$name=$output/$size/$name-0,$output/$size/$name-1")
  done
  runs+=("moving=$output/$size/paper-0:moving,$output/$size/paper-1:moving")
  .venv/bin/python -m tfpix2pix.compare "${runs[@]}" --checkpoint=latest --segmenter="$segmenter" \
    --label_colors=facades --output="$output/$size/comparison"
done
