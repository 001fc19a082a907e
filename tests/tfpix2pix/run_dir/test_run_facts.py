"""The facts of a run follow from its files: when it was resumed, what was changed, how long it took."""

import dataclasses
import json

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tfpix2pix.config import Config
from tfpix2pix.options.objective_options import Objective
from tfpix2pix.options.optimization_options import Optimization
from tfpix2pix.run_dir import history, sessions
from tfpix2pix.run_dir.journal import Journal
from tfpix2pix.run_dir.run_facts import as_markdown, duration, run_facts

CONFIG = Config(image_size=(64, 64), epochs=9, decay_epochs=3, data="a|b").resolved()


def test_what_the_generator_is(tmp_path):
    assert run_facts(tmp_path, CONFIG)["network"] == "U-Net"
    config = Config(generator="resnet", enhancers=1, upsample="resize", attention_at="32", generator_spectral_norm=True)
    words = "ResNet, 9 blocks, local enhancer, upsample resize, attention_at 32, spectral norm"
    assert run_facts(tmp_path, config.resolved())["network"] == words


def test_a_run_that_was_killed_resumed_and_changed(tmp_path):
    assert not {"wall time", "resumed", "changed", "trained"} & run_facts(tmp_path, CONFIG).keys()
    for step, done in ((0, 8), (8, None), (10, 12), (12, 12)):
        journal = Journal(tmp_path, step, 12)
        if done:
            journal.scalars(done, done / 4, {"generator/l1": 0.5})
            journal.close(done)
    (tmp_path / history.HISTORY_FILE).write_text(history.to_text([history.Change(10, "epochs", 3, 9, epoch=2.5)]))
    facts = run_facts(tmp_path, CONFIG)
    # The last session found nothing to train.
    assert facts["resumed"] == "after step 8, 10"
    # The sessions took no second, or some on a busy machine; of the one that was killed nothing is known.
    assert facts["wall time"].startswith("at least ")
    assert facts["changed"] == "epochs 3 became 9 after step 10"
    assert facts["trained"] == "12 steps, 3 epochs"
    assert facts["epochs"] == "9, the last 3 with a falling rate"


def test_what_the_discriminator_sees(tmp_path):
    assert "the discriminator sees" not in run_facts(tmp_path, CONFIG)
    augmented = dataclasses.replace(CONFIG, diff_augment="color,cutout", augment_target=0.6)
    seen = run_facts(tmp_path, augmented)["the discriminator sees"]
    assert seen == "pairs with changes of color, cutout, as likely as a mean sign of 0.6 takes"


def test_what_the_losses_are(tmp_path):
    assert run_facts(tmp_path, CONFIG)["loss"] == "vanilla × 1 + L1 × 100"
    hd = {"gan_loss": "lsgan", "l1_weight": 0.0, "feature_weight": 10.0, "ssim_weight": 0.5}
    facts = run_facts(tmp_path, dataclasses.replace(CONFIG, **hd, discriminator_scales=2, conditional=False))
    assert facts["loss"] == "lsgan × 1 + feature × 10 + SSIM × 0.5"
    assert facts["discriminator"] == "discriminator_scales 2, conditional False"
    classes = dataclasses.replace(CONFIG, target_labels=3, best_by="class_iou", gan_weight=0.0, gan_loss="hinge")
    assert run_facts(tmp_path, classes)["loss"] == "cross-entropy × 100"
    assert run_facts(tmp_path, classes)["discriminator's loss"] == "gan_loss hinge"


OF_TRAINING = [
    field
    for field in dataclasses.fields(Config)
    if field.metadata["change"] != "machine"
    and (
        field in (*dataclasses.fields(Objective), *dataclasses.fields(Optimization))
        or field.name.startswith("discriminator")
        or field.name == "conditional"
    )
]


@pytest.mark.parametrize("field", OF_TRAINING, ids=lambda field: field.name)
def test_every_option_of_losses_discriminator_and_updates_is_in_it(field, tmp_path):
    """As if any value went with the others: what excludes another option is not what is asked here."""
    config = dataclasses.replace(CONFIG, diff_augment="cutout", augment_target=0.5)
    before, now = run_facts(tmp_path, config), getattr(config, field.name)
    words = field.metadata["choices"] or ("color", "cutout")
    other = not now if isinstance(now, bool) else now + 0.25 if isinstance(now, float) else None
    if other is None:
        other = now + 1 if isinstance(now, int) else next(word for word in words if word != now)
    object.__setattr__(config, field.name, other)
    assert run_facts(tmp_path, config) != before


def test_lines_that_cannot_be_read_are_left_out(tmp_path):
    lines = [{"begins_after": 0}, {"ends_after": "x"}, [], {"ends_after": 5, "seconds": 342.2}, {"begins_after": None},
             {"ends_after": 5, "seconds": float("nan")}]  # fmt: skip
    (tmp_path / sessions.SESSIONS_FILE).write_text("".join(json.dumps(line) + "\n" for line in lines) + "{half")
    assert sessions.sessions(tmp_path) == [sessions.Session(0, 5, 342.2)]
    assert run_facts(tmp_path, CONFIG)["wall time"] == "5 min 42 s"
    assert duration(7265) == "2 h 1 min"


def test_tensorboard_says_what_the_run_is(tmp_path):
    journal = Journal(tmp_path, 0, 1)
    journal.text("run", as_markdown(run_facts(tmp_path, CONFIG)))
    journal.close()
    events = EventAccumulator(str(tmp_path / "tensorboard" / "train"))
    events.Reload()
    (text,) = events.Tensors("run")
    shown = text.tensor_proto.string_val[0].decode()
    assert "| epochs | 9, the last 3 with a falling rate |" in shown
    # A name cannot end a cell.
    assert "a\\|b" in shown
