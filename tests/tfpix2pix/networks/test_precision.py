"""Checks what mixed_precision=auto chooses on machines of several kinds, and that a run keeps it on another one."""

import dataclasses

import pytest
import tensorflow as tf

from tfpix2pix.config import Config
from tfpix2pix.networks import precision
from tfpix2pix.run_dir import config_json
from tfpix2pix.run_dir.claim import options_for, with_kept_precision

CPU = "processor\t: 0\nflags\t\t: fpu sse2 avx512f {}\nbugs\t\t: amx_bf16\n"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Makes this machine one with a processor of these flags, or with GPUs of these compute capabilities."""

    def become(flags="", *gpus):
        file = tmp_path / "cpuinfo"
        file.write_text(CPU.format(flags))
        monkeypatch.setattr(precision, "CPU_FLAGS", file)
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [*gpus] if kind == "GPU" else ["cpu"])
        monkeypatch.setattr(
            tf.config.experimental, "get_device_details", lambda gpu: {"compute_capability": gpu} if gpu else {}
        )

    return become


@pytest.mark.parametrize(
    ("flags", "gpus", "expected"),
    [
        ("", (), "none"),
        ("avx512_bf16 clzero", (), "bfloat16"),
        ("amx_bf16", (), "bfloat16"),
        ("", ((9, 0),), "bfloat16"),
        ("avx512_bf16", ((7, 5),), "float16"),
        ("", ((8, 0), (7, 0)), "float16"),
        ("avx512_bf16", ((6, 1), (8, 6)), "none"),
        # A GPU of another maker.
        ("avx512_bf16", (None,), "none"),
    ],
)
def test_auto_is_what_the_machine_is_made_for(machine, flags, gpus, expected):
    machine(flags, *gpus)
    assert Config(mixed_precision="auto").resolved().mixed_precision == expected


def test_no_file_of_flags_is_float32(machine, tmp_path):
    machine("avx512_bf16")
    (tmp_path / "cpuinfo").unlink()
    assert Config(mixed_precision="auto").resolved().mixed_precision == "none"


def test_a_named_precision_stays(machine):
    machine("avx512_bf16")
    assert Config().resolved().mixed_precision == "none"
    assert Config(mixed_precision="float16").resolved().mixed_precision == "float16"


def test_a_run_keeps_what_the_first_machine_chose(machine, tmp_path):
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    config = Config(mixed_precision="auto")
    assert with_kept_precision(config, run_dir) == config
    machine("avx512_bf16")
    config_json.save(config.resolved(), run_dir)
    machine("")
    assert config_json.load(run_dir).mixed_precision == "bfloat16"
    assert options_for(run_dir, {"mixed_precision": "auto"}).mixed_precision == "bfloat16"
    assert with_kept_precision(dataclasses.replace(config, seed=1), run_dir).mixed_precision == "bfloat16"
