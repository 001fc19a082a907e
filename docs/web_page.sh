#!/usr/bin/env bash
# Trains labels to photo on facades, and edges to photo on edges2shoes, at 128×128, and makes one page to draw on of both:
#   bash docs/web_page.sh FACADES EDGES2SHOES OUTPUT
# FACADES and EDGES2SHOES are the data sets' folders, or their names once they are fetched. 16,000 steps each, one
# training after the other: hours on a CPU. A training that was stopped is resumed.
set -euo pipefail
facades=$1 shoes=$2 output=$3
python=$(dirname "$0")/../.venv/bin/python
size="--image_size=128 --generator_width=32 --discriminator_width=32 --max_steps=16000 --log_every=100"

"$python" -m tfpix2pix.train --flagfile=facades --flagfile=recommended --data="$facades" --epochs=40 --decay_epochs=20 \
  $size --run_dir="$output/runs/facades"
"$python" -m tfpix2pix.train --flagfile=edges2shoes --flagfile=recommended --data="$shoes" --batch_size=1 --ema=0.999 \
  --epochs=160 $size --run_dir="$output/runs/shoes"
"$python" -m export.web --checkpoint=latest --output="$output/page" \
  --run_dir="$output/runs/facades" --title='labels to facades' --run_dir="$output/runs/shoes" --title='edges to shoes'
