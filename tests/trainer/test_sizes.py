"""The sizes of the paper: what their files say, how many parameters they have, what a token costs."""

import dataclasses
import re
from pathlib import Path

import pytest
import yaml

torch = pytest.importorskip("torch")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from tests.trainer.encoders import config, documents, encoder  # noqa: E402
from trainer.encoder_config import EncoderConfig  # noqa: E402
from trainer.sizes import (  # noqa: E402
    flops_per_token,
    non_embedding_count,
    parameter_count,
    peak_tflops,
)

MODELS = Path(__file__).parents[2] / "conf/models"
SECTIONS = {"model", "optimizer", "schedule", "batch", "precision", "zero"}
NAMES = ["700m", "2.3b", "9.3b", "170m", "17m", "tiny"]


def read(name: str) -> dict:
    return yaml.safe_load((MODELS / f"{name}.yaml").read_text("utf-8"))


def size(name: str) -> EncoderConfig:
    return EncoderConfig(**read(name)["model"])


# ---- parameters


def by_hand(shape, vocabulary=150_000) -> tuple[int, int]:
    """(blocks and final norm, all), term by term."""
    layers, hidden, inner, width, positions = shape
    attention = hidden * 3 * width + 3 * width + width * hidden + hidden
    feed_forward = hidden * inner + inner + inner * hidden + hidden
    norms = 2 * (hidden + hidden)
    inside = layers * (attention + feed_forward + norms) + 2 * hidden
    embeddings = vocabulary * hidden + positions * hidden
    head = hidden * hidden + hidden + 2 * hidden + vocabulary
    return inside, inside + embeddings + head


COUNTS = {
    # 20 * (4 * 1536 * 1024 + 2 * 1536 * 6144) = 503.3 M of weights; the name counts the embeddings
    "700m": ((20, 1536, 6144, 1024, 1024), 503_688_192, 738_174_960),
    # 29 * 12 * 2560^2 = 2,280.7 M
    "2.3b": ((29, 2560, 10240, 2560, 512), 2_281_623_040, 2_673_645_040),
    # 46 * 12 * 4096^2 = 9,261.0 M
    "9.3b": ((46, 4096, 16384, 4096, 1024), 9_263_480_832, 9_899_014_640),
    # 16 * (4 * 1024^2 + 2 * 1024 * 3072) = 167.8 M
    "170m": ((16, 1024, 3072, 1024, 512), 167_970_816, 323_296_752),
    # 4 * (4 * 768^2 + 2 * 768 * 1200) = 16.8 M
    "17m": ((4, 768, 1200, 768, 512), 16_843_968, 133_179_312),
    # 2 * (4 * 64^2 + 2 * 64 * 256) = 98,304
    "tiny": ((2, 64, 256, 64, 512), 100_096, 9_887_152),
}


@pytest.mark.parametrize("name", NAMES)
def test_the_parameters_of_a_size_are_those_counted_by_hand(name):
    shape, inside, everything = COUNTS[name]
    assert by_hand(shape) == (inside, everything)
    assert (non_embedding_count(size(name)), parameter_count(size(name))) == (inside, everything)


def test_counting_is_of_the_real_thing_and_counts_the_tied_table_once():
    assert parameter_count(config()) == sum(p.numel() for p in encoder().parameters())
    assert parameter_count(config()) == by_hand((2, 16, 24, 24, 12), 89)[1]


@pytest.mark.parametrize(("name", "billions"), [("2.3b", 2.3), ("9.3b", 9.3), ("170m", 0.17), ("17m", 0.017)])
def test_a_name_is_the_number_of_parameters_without_embeddings(name, billions):
    assert non_embedding_count(size(name)) / 1e9 == pytest.approx(billions, rel=0.02)


def test_the_name_of_700m_is_nearest_with_embeddings_and_the_printed_heads():
    printed = size("700m")
    other = dataclasses.replace(printed, heads=24)
    counts = [count(c) / 1e6 for c in (printed, other) for count in (non_embedding_count, parameter_count)]
    assert [round(count, 1) for count in counts] == [503.7, 738.2, 566.6, 801.1]
    assert min(counts, key=lambda count: abs(count - 700)) == counts[1]


def test_the_counts_in_the_comments_are_right():
    said = {
        "700m": ["503.7", "738.2", "566.6"],
        "2.3b": ["2,281.6", "2,673.6"],
        "9.3b": ["9,263.5", "9,899.0"],
        "170m": ["168.0", "323.3"],
        "17m": ["16.8", "133.2"],
    }
    for name, figures in said.items():
        text = (MODELS / f"{name}.yaml").read_text("utf-8").replace("\n# ", " ")
        assert re.findall(r"([\d,]+\.\d) M (?:parameters |with |in the blocks)", text) == figures, name
        assert [f"{count / 1e6:,.1f}" for count in COUNTS[name][1:]] == figures[:2]


# ---- what a token costs


@pytest.mark.parametrize("checkpointing", [False, True])
def test_the_formula_is_what_torch_counts_of_a_forward_and_a_backward_pass(checkpointing):
    # baddbmm pads nothing here, so its products are those of the formula; 40 tokens, 10 to predict.
    given = documents(10, 10, 10, 10, every=4)
    assert len(given.labels) == 10
    model = encoder(attention="baddbmm", checkpointing=checkpointing)
    with FlopCounterMode(display=False) as counter:
        model(*given).backward()
    formula = flops_per_token(config(), 10, masked=10 / 40) * 40
    again = formula - 6 * 10 * 16 * (16 + 89)  # of the head nothing is computed again
    # The second forward pass ends before the last product of a block: nothing asks for its result.
    last = 2 * 40 * 2 * 24 * 16
    assert counter.get_total_flops() == formula + (again / 3 - last if checkpointing else 0)


def test_the_formula_of_a_size_by_hand():
    # 6 * 503,316,480 + 12 * 20 * 1024 * 1024 + 6 * 0.15 * 1536 * 151,536
    wanted = 3_019_898_880 + 251_658_240 + 209_483_366.4
    assert flops_per_token(size("700m"), 1024) == pytest.approx(wanted, rel=1e-12)


def test_peaks_are_known_by_the_name_of_a_device():
    assert peak_tflops("NVIDIA H100 80GB HBM3") == 989.4
    assert peak_tflops("NVIDIA H100 PCIe") == 756
    assert peak_tflops("NVIDIA A100-SXM4-80GB") == 312
    assert peak_tflops("a toaster") is None


# ---- the files


def test_there_is_a_file_for_every_size_and_no_other():
    assert sorted(path.stem for path in MODELS.glob("*.yaml")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_has_every_section_and_numbers_that_are_numbers(name):
    values = read(name)
    assert set(values) - {"steps"} == SECTIONS
    assert set(values["optimizer"]) == {"name", "lr", "betas", "eps", "weight_decay", "clip"}
    assert set(values["schedule"]) == {"name", "warmup_steps", "total_steps", "floor"}
    assert set(values["batch"]) == {"rows", "max_tokens", "microbatch_tokens"}
    assert set(values["zero"]) == {"stage", "offload"}
    numbers = [values["optimizer"][key] for key in ("lr", "eps", "weight_decay", "clip")]
    assert all(type(x) is float for x in [*numbers, values["schedule"]["floor"]])  # 1e-3 is text in YAML
    assert values["batch"]["max_tokens"] <= values["model"]["positions"]
    assert values["batch"]["max_tokens"] <= values["batch"]["microbatch_tokens"]


TABLE_7 = {
    "layers": (20, 29, 46),
    "hidden": (1536, 2560, 4096),
    "inner": (6144, 10240, 16384),
    "heads": (16, 32, 32),
    "head_size": (64, 80, 128),
    "positions": (1024, 512, 1024),
    "dropout": (0.1, 0.1, 0.1),
    "attention_dropout": (0.1, 0.1, 0.1),
    "warmup_steps": (1_000, 5_000, 10_000),
    "lr": (1e-3, 1.5e-4, 1.4e-4),
    "floor": (1e-5, 1e-5, 1e-5),
    "max_tokens": (1024, 512, 512),
    "rows": (2048, 2048, 4096),
    "weight_decay": (0.1, 0.1, 0.1),
    "total_steps": (500_000, 500_000, 600_000),
    "steps": (None, 950_000, 570_000),
    "name": ("exponential", "exponential", "linear"),
    "eps": (1e-8, 1e-8, 1e-8),
    "betas": ([0.9, 0.99], [0.9, 0.9], [0.9, 0.99]),
    "clip": (1.0, 1.0, 1.0),
}
TABLE_8 = {
    "layers": (16, 4),
    "hidden": (1024, 768),
    "inner": (3072, 1200),
    "heads": (16, 12),
    "dropout": (0.1, 0.1),
    "lr": (1.5e-3, 1e-3),
    "warmup_steps": (100_000, 500),
    "total_steps": (1_000_000, 195_000),
    "positions": (512, 512),
    "steps": (1_500_000, 5_000_000),
    "name": ("exponential", "exponential"),
    "eps": (1e-8, 1e-8),
    "betas": ([0.9, 0.999], [0.9, 0.999]),
}


def flat(name: str) -> dict:
    values = read(name)
    parts = [values["model"], values["optimizer"], values["schedule"], values["batch"]]
    return {"steps": values.get("steps")} | {key: value for part in parts for key, value in part.items()}


@pytest.mark.parametrize(
    ("table", "names"), [(TABLE_7, ["700m", "2.3b", "9.3b"]), (TABLE_8, ["170m", "17m"])], ids=["7", "8"]
)
def test_the_files_hold_the_values_of_the_table(table, names):
    for key, values in table.items():
        assert tuple(flat(name)[key] for name in names) == values, key


@pytest.mark.parametrize(
    ("name", "tokens"),
    # 2M, 1M and 2M in Table 7; 393k and 8192 in Table 8
    [("700m", 2_097_152), ("2.3b", 1_048_576), ("9.3b", 2_097_152), ("170m", 393_216), ("17m", 8192)],
)
def test_rows_times_length_are_the_table_s_tokens_a_batch(name, tokens):
    batch = read(name)["batch"]
    assert batch["rows"] * batch["max_tokens"] == tokens


@pytest.mark.parametrize("name", ["170m", "17m"])
def test_the_students_use_lamb(name):
    assert read(name)["optimizer"]["name"] == "lamb"
