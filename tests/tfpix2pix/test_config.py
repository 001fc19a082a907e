"""A Config refuses in Python what the flags refuse, and reads what older versions wrote."""

import dataclasses
import json
import math
import pathlib

import numpy as np
import pytest
from absl import flags

from pipelines.system.terminal import InputError
from tfpix2pix import config as config_module
from tfpix2pix.config import Config, config_from_flags
from tfpix2pix.run_dir import config_json

# Option, a value of another type, and ones out of range.
WRONG = [
    ("norm", "layer", "batch, instance"),
    ("norm", None, "text"),
    ("direction", "BtoC", "AtoB, BtoA"),
    ("batch_size", -5, "1 or more"),
    ("batch_size", 1.0, "integer"),
    ("batch_size", True, "integer"),
    ("batch_size", "1", "integer"),
    ("batch_size", 2**63, "64 bits"),
    ("enhancers", 2, "give 0 or 1"),
    ("source_channels", 257, "from 1 to 256"),
    ("seed", 2**32, "from 0 to 4294967295"),
    ("generator_width", 4097, "from 1 to 4096"),
    ("learning_rate", "fast", "number"),
    ("learning_rate", True, "number"),
    ("learning_rate", math.nan, "finite"),
    ("l1_weight", math.inf, "finite"),
    ("l1_weight", 10**400, "64 bits"),
    ("l1_weight", -1, "0.0 or more"),
    ("beta1", 1.0, "below 1.0"),
    ("flip", 1, "True or False"),
    ("image_size", 256, "height, width"),
    ("image_size", (64, -64), "height, width"),
    ("image_size", (64, 1_000_000), "height, width"),
    ("image_size", (64.0, 64), "height, width"),
    ("image_size", "64", "height, width"),
    ("load_size", (64, 0), "both sides"),
    ("diff_augment", "color,colour", "color,translation,cutout"),
    ("diff_augment", "color,color", "each once"),
    ("data", 5, "text"),
    ("data", "a\0b", "text"),
]


@pytest.mark.parametrize(("name", "value", "remedy"), WRONG)
def test_a_wrong_value_is_named_with_its_remedy(name, value, remedy):
    with pytest.raises(InputError) as error:
        Config(**{name: value})
    assert str(error.value).startswith((f"{name}={value}"[:100], f"{name}={value!r}"[:100]))
    assert remedy in str(error.value)


# What each pair of options excludes, and which words the message has.
TOGETHER = [
    ({"image_size": (100, 100)}, ["image_size=100x100", "96x96"]),
    ({"image_size": (64, 64), "depth": 7}, ["image_size=64x64", "depth 7", "128"]),
    ({"image_size": (32, 32), "discriminator_layers": 6}, ["image_size=32x32", "6 layers", "192"]),
    ({"image_size": (258, 256), "generator": "resnet"}, ["image_size=258x256", "ResNet of depth 2", "260x256"]),
    ({"enhancers": 1}, ["enhancers=1", "generator=unet", "generator=resnet"]),
    (
        {"image_size": (260, 256), "generator": "resnet", "enhancers": 1},
        ["image_size=260x256", "ResNet of depth 2 with an enhancer", "256x256", "264x256"],
    ),
    ({"attention_at": "16,33", "depth": 5}, ["attention_at=16,33", "names 33", "128, 64, 32, 16, 8"]),
    ({"attention_at": "256", "generator": "resnet"}, ["attention_at=256", "128, 64"]),
    ({"attention_at": "16,"}, ["attention_at=16,", "such as 16,32"]),
    ({"generator": "resnet", "freeze": "global"}, ["freeze=global", "ResNet has encoder, blocks, decoder"]),
    ({"freeze": "global"}, ["freeze=global", "U-Net has encoder, decoder", "give some of these"]),
    ({"generator": "resnet", "enhancers": 1, "freeze": "global,local"}, ["freeze=global,local", "nothing"]),
    ({"blocks": 6}, ["blocks=6", "generator=unet", "generator=resnet"]),
    ({"load_size": (200, 200)}, ["load_size=200x200", "image_size=256x256"]),
    ({"load_size": (286, 286), "crop": False}, ["load_size=286x286", "crop=False"]),
    ({"epochs": 5, "decay_epochs": 6}, ["decay_epochs=6", "epochs=5", "decay_epochs=5 or less"]),
    ({"schedule": "step", "decay_epochs": 6}, ["decay_epochs=6", "schedule=step", "linear or cosine"]),
    ({"schedule": "plateau", "decay_every": 6}, ["decay_every=6", "schedule=plateau", "schedule=step"]),
    ({"decay_patience": 6}, ["decay_patience=6", "schedule=linear", "schedule=plateau"]),
    ({"schedule": "constant", "decay_factor": 0.5}, ["decay_factor=0.5", "schedule=constant", "step or plateau"]),
    ({"schedule": "cosine"}, ["schedule=cosine", "decay_epochs=200"]),
    ({"schedule": "step", "epochs": 50}, ["schedule=step", "decay_every=50", "epochs=50", "decay_every=49 or less"]),
    (
        {"schedule": "step", "epochs": 1, "decay_every": 1},
        ["schedule=step", "decay_every=1", "epochs=1", "more epochs"],
    ),
    ({"schedule": "plateau", "patience": 5}, ["schedule=plateau", "decay_patience=5", "patience=6 or more"]),
    ({"discriminator_steps": 5, "max_steps": 4}, ["discriminator_steps=5", "max_steps=4", "max_steps=5 or more"]),
    ({"weight_decay": 0.1}, ["weight_decay=0.1", "optimizer=adamw"]),
    ({"optimizer": "adamw"}, ["optimizer=adamw", "weight_decay"]),
    ({"image_size": (128, 128), "best_by": "ms_ssim"}, ["best_by=ms_ssim", "image_size=128x128", "161", "psnr"]),
    ({"batch_size": 4, "gradient_accumulation": 3}, ["batch_size=4", "gradient_accumulation=3", "multiple of 3"]),
    ({"sync_batch_norm": True, "xla": True}, ["sync_batch_norm=True", "xla=True"]),
    (
        {"batch_size": 2, "sync_batch_norm": True, "gradient_accumulation": 2},
        ["sync_batch_norm=True", "gradient_accumulation=2"],
    ),
    ({"target_labels": 5, "diff_augment": "cutout,color"}, ["target_labels=5", "diff_augment=cutout,color"]),
    ({"augment_target": 0.6}, ["augment_target=0.6", "diff_augment=color,translation,cutout"]),
    ({"augment_images": 1000, "diff_augment": "cutout"}, ["augment_images=1000", "augment_target=0.6"]),
    (
        {"diff_augment": "cutout", "augment_target": 0.6, "gan_loss": "wgan-gp", "discriminator_norm": "none"},
        ["augment_target=0.6", "gan_loss=wgan-gp"],
    ),
    ({"target_mask": True, "diff_augment": "color"}, ["target_mask=True", "diff_augment=color"]),
    ({"gan_weight": 0, "l1_weight": 0}, ["gan_weight=0", "l1_weight=0", "feature_weight", "ssim_weight"]),
    ({"target_labels": 5, "target_resize_method": "bicubic"}, ["target_resize_method=bicubic", "=5", "nearest"]),
    ({"target_labels": 5, "label_colors": "facades"}, ["target_labels=5", "label_colors=facades", "target_labels=12"]),
    ({"label_colors": "cityscapes"}, ["label_colors=cityscapes", "target_labels=19", "source_labels=19"]),
    ({"target_palette": "#ff0000,#00ff00"}, ["target_palette=#ff0000", "target_labels=2"]),
    (
        {"target_labels": 3, "target_palette": "#ff0000,#00ff00"},
        ["target_labels=3", "target_palette=#ff0000", "2 classes"],
    ),
    ({"source_labels": 12, "label_colors": "nowhere.txt"}, ["label_colors=nowhere.txt"]),
    ({"source_channels": 5, "show_channels": "1,5,6"}, ["show_channels=1,5,6", "source has 5"]),
    ({"best_by": "class_iou"}, ["best_by=class_iou", "images", "l1, psnr"]),
    ({"best_by": "psnr", "target_labels": 5}, ["best_by=psnr", "labels", "class_iou"]),
    ({"best_by": "fid", "target_channels": 5}, ["best_by=fid", "5 channels", "ssim"]),
    ({"best_by": "class_iou", "target_mask": True}, ["best_by=class_iou", "masks", "iou, f1"]),
]


@pytest.mark.parametrize(("values", "words"), TOGETHER)
def test_values_that_exclude_each_other(values, words):
    with pytest.raises(InputError) as error:
        Config(**values)
    assert [word for word in words if word not in str(error.value)] == []


def test_what_an_enhancer_is_around_can_be_frozen():
    assert Config(generator="resnet", enhancers=1, freeze="global").freeze == "global"


@pytest.mark.parametrize("values", [{name: value} for name, value, _ in WRONG] + [values for values, _ in TOGETHER])
def test_a_changed_config_is_checked_too(values):
    with pytest.raises(InputError):
        dataclasses.replace(Config(), **values)


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Config)])
def test_flags_refuse_what_a_config_refuses(name):
    """Of every option that has bounds or choices, the value just outside of them."""
    field = {field.name: field for field in dataclasses.fields(Config)}[name]
    outside = []
    if field.metadata["choices"]:
        outside = ["nothing"]
    if field.metadata["minimum"] is not None:
        outside = [type(field.default)(field.metadata["minimum"] - 1)]
    if field.metadata["below"] is not None:
        outside.append(type(field.default)(field.metadata["below"]))
    values = flags.FlagValues()
    define_into(values)
    for value in outside:
        with pytest.raises(InputError, match=f"^{name}="):
            Config(**{name: value})
        with pytest.raises(flags.IllegalFlagValueError, match=name):
            values(["train", f"--{name}={value}"])


def define_into(values):
    """Makes the flags of training in a set of their own."""
    with pytest.MonkeyPatch.context() as patch:
        for define in ("DEFINE_bool", "DEFINE_enum", "DEFINE_string", "DEFINE_integer", "DEFINE_float", "DEFINE"):
            original = getattr(flags, define)
            patch.setattr(flags, define, lambda *a, _f=original, **k: _f(*a, **{"flag_values": values} | k))
        register = flags.register_validator
        patch.setattr(flags, "register_validator", lambda *a, **k: register(*a, flag_values=values, **k))
        config_module.define_config_flags()


def test_flags_give_the_same_config_as_python():
    values = flags.FlagValues()
    define_into(values)
    values(["train"])
    assert config_from_flags(values) == Config()
    values(["train", "--image_size=64x128", "--nocrop", "--learning_rate=1", "--data=a/b", "--seed=7"])
    assert config_from_flags(values) == Config(
        image_size=(64, 128), crop=False, learning_rate=1, data=pathlib.Path("a/b"), seed=7
    )


def test_values_get_the_type_of_their_option():
    config = Config(
        image_size=[64, 128], learning_rate=1, seed=np.int64(3), dropout=np.float32(0.25), data_dir=pathlib.Path("d")
    )
    assert (config.image_size, config.seed, config.dropout) == ((64, 128), 3, 0.25)
    assert [type(value) for value in (config.learning_rate, config.seed, config.dropout)] == [float, int, float]
    assert config.data_dir == "d"
    assert json.loads(config.to_json())["image_size"] == [64, 128]


def test_resolved_fills_in_what_follows():
    resolved = Config(image_size=(64, 128)).resolved("BtoA")
    assert (resolved.load_size, resolved.direction, resolved.depth) == ((72, 143), "BtoA", 6)
    assert resolved.resolved("AtoB") == resolved
    assert Config(image_size=(64, 128), crop=False).resolved().load_size == (64, 128)


def test_config_json_of_older_versions(tmp_path):
    """It has fewer options; those that are new have their defaults."""
    values = json.loads(Config(batch_size=4, norm="instance").resolved().to_json())
    for name in ("xla", "strategy", "max_pixels", "best_by"):
        del values[name]
    (tmp_path / "config.json").write_text(json.dumps(values))
    assert config_json.load(tmp_path) == Config(batch_size=4, norm="instance").resolved()


FOR_ANY_DATA = {"recommended", "recommended_small_data", "small_data", "reference_resnet", "pix2pixhd"}


@pytest.mark.parametrize("recipe", sorted(pathlib.Path(config_module.__file__).with_name("flagfiles").iterdir()))
def test_recipes_can_be_read_from_any_folder(recipe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = flags.FlagValues()
    flags.DEFINE_string("flagfile", "", "", flag_values=values)
    define_into(values)
    values(["train", f"--flagfile={recipe}"])
    config = config_from_flags(values)
    assert config.data == (Config.data if recipe.stem in FOR_ANY_DATA else recipe.stem.removeprefix("gluon_"))
    assert config.resolved() != Config().resolved()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"data_a": "photos"}, "data_b"),
        ({"source_labels": 1}, "source_labels"),
        ({"target_labels": 5, "target_range": "0,4"}, "target_range"),
        ({"target_labels": 5, "target_channels": 1}, "target_channels"),
        ({"source_normalize": "percentile:1,99", "source_range": "0,1"}, "source_range"),
        ({"target_labels": 5, "target_mask": True}, "target_mask"),
        ({"rotate90": True, "image_size": (64, 128)}, "rotate90"),
        ({"source_range": "1"}, "source_range"),
        ({"background": "whitish"}, "background"),
    ],
)
def test_sides_that_contradict_themselves(options, named):
    with pytest.raises(InputError, match=named):
        Config(**options)


def test_labels_decide_the_channels():
    resolved = Config(target_labels=12).resolved()
    assert (resolved.source_channels, resolved.target_channels) == (3, 12)
    assert resolved.resolved() == resolved


def test_what_a_target_is_and_how_it_is_shown(tmp_path):
    file = tmp_path / "colors.txt"
    file.write_text("1,2,3 wall\n4,5,6 door\n0,0,0 ignored\n")
    labels = Config(target_labels=2, label_colors=str(file), source_channels=6, show_channels="4,3,2").resolved()
    file.unlink()
    # The run needs the file no more.
    labels = Config(**dataclasses.asdict(labels))
    assert (labels.target_kind, labels.target_channels) == ("labels", 2)
    assert labels.display("target").colors == ((1, 2, 3), (4, 5, 6))
    other = dataclasses.replace(labels, target_palette="#ff0000,#00ff00")
    assert other.display("target").colors == ((255, 0, 0), (0, 255, 0))
    assert labels.display("source").channels == (3, 2, 1)
    assert Config(source_labels=2).display("source").colors == ((0, 0, 0), (128, 0, 0))
    mask = Config(target_mask=True, best_by="iou", show_channels="9")
    assert (mask.target_kind, mask.display("target")) == ("mask", Config().display("target"))
    assert Config().target_kind == "image"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, (64, 64)),  # 72x72, the paper's jitter
        ({"load_size": (96, 96)}, (64, 64)),
        ({"load_size": (96, 97)}, (96, 97)),
        ({"load_size": (500, 700)}, (500, 700)),
        ({"load_size": (500, 700), "preprocess": "pad"}, (500, 700)),
        ({"crop": False}, (64, 64)),
        ({"preprocess": "crop"}, (64, 64)),
        ({"preprocess": "scale_width", "load_size": (128, 128)}, (128, 128)),
    ],
)
def test_the_scale_is_that_of_the_pictures_from_which_training_crops(options, expected):
    config = Config(image_size=(64, 64), **options)
    assert config.scale_size == config.resolved().scale_size == expected
    form, keeps_shape = config.resolved().whole_format(), config.preprocess in ("crop", "scale_width")
    assert form.size == expected
    assert form.shape == (None if keeps_shape else expected)
    assert form.network_size == ((64, 64) if keeps_shape else expected)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "whole pictures at 64x64"),
        ({"load_size": (500, 700)}, "whole pictures at 500x700"),
        ({"load_size": (500, 700), "preprocess": "pad"}, "whole pictures padded to 500x700"),
        ({"load_size": (3000, 1000)}, "the middle 1048x1000 of pictures at 3000x1000"),
        ({"preprocess": "crop"}, "whole pictures at their own scale (of larger ones the middle 1024x1024)"),
        (
            {"preprocess": "scale_width", "load_size": (70, 200)},
            "whole pictures at a width of 200 (of larger ones the middle 1024x1024)",
        ),
    ],
)
def test_what_is_measured_is_said(options, words):
    assert Config(image_size=(64, 64), **options).measured_at == words
