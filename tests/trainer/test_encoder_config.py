"""The settings of an encoder are checked by name, without torch."""

import subprocess
import sys

import pytest

from trainer.encoder_config import EncoderConfig
from trainer.errors import ConfigError

SMALL = {"layers": 1, "hidden": 16, "inner": 24, "heads": 3, "head_size": 8, "positions": 12}
SMALL |= {"attention_dropout": 0.0}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"layers": 0}, r"model\.layers is 0, accepted: a whole number from 1"),
        ({"hidden": 16.0}, r"model\.hidden is 16\.0"),
        ({"heads": True}, r"model\.heads is True"),
        ({"dropout": 1.0}, r"model\.dropout is 1\.0, accepted: a number from 0 to below 1"),
        ({"norm_eps": 0}, r"model\.norm_eps is 0, accepted: a number above 0"),
        ({"attention": "flash"}, r"model\.attention is 'flash', accepted: auto, varlen, sdpa, baddbmm"),
        ({"attention": "varlen", "attention_dropout": 0.1}, r"model\.attention_dropout is 0\.1"),
        ({"attention": "varlen", "head_size": 12}, r"model\.head_size is 12, accepted: .* a multiple of 8"),
        ({"attention": "varlen", "head_size": 264}, r"model\.head_size is 264, accepted: .* at most 256"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(fields, said):
    with pytest.raises(ConfigError, match=said):
        EncoderConfig(**SMALL | fields)


def test_the_configuration_has_the_paper_s_vocabulary_and_dropout_unless_told():
    usual = EncoderConfig(layers=1, hidden=8, inner=8, heads=1, head_size=8, positions=8)
    assert (usual.vocab_size, usual.dropout, usual.attention_dropout) == (150_000, 0.1, 0.1)
    assert (usual.attention, usual.checkpointing, usual.compile) == ("auto", False, False)


def test_the_configuration_is_read_without_torch():
    code = "import sys, trainer.encoder_config; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
