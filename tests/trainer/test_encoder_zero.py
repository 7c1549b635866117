"""DeepSpeed takes the encoder at every ZeRO stage, and none changes what is trained."""

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("torch")

SCRIPT = """
import json, warnings
import deepspeed, torch
from tests.trainer.encoders import config, documents
from trainer.encoder import Encoder

warnings.simplefilter("ignore")
deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False  # would be compiled, and is not used
deepspeed.init_distributed("gloo")
found = {}
nothing = torch.zeros(0, dtype=torch.int64)
given = documents(5, 1, 12, 3)
empty = documents()
for stage, inside, checkpointing in [(1, 0, 0), (2, 0, 1), (3, 0, 0), (3, 1, 0), (3, 1, 1)]:
    settings = {
        "train_batch_size": 1,
        "gradient_clipping": 1.0,
        "steps_per_print": 10**9,
        "bf16": {"enabled": True},
        "zero_optimization": {"stage": stage, "stage3_param_persistence_threshold": 0},
        "zero_allow_untested_optimizer": True,
    }
    torch.manual_seed(0)
    with deepspeed.zero.Init(config_dict_or_path=settings, enabled=bool(inside)):
        encoder = Encoder(config(dropout=0.1, attention_dropout=0.1, checkpointing=bool(checkpointing)))
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=1e-3)
    engine, *_ = deepspeed.initialize(model=encoder, optimizer=optimizer, config=settings)
    losses = []
    for step, arguments in enumerate([given, given, (*given[:3], nothing, nothing), empty, given]):
        torch.manual_seed(step)
        loss = engine(*arguments)
        engine.backward(loss)
        engine.step()
        losses.append(loss.item())
    found[f"{stage} {inside} {checkpointing}"] = losses
print("FOUND", json.dumps(found))
"""


@pytest.mark.slow
def test_losses_are_the_same_at_every_stage_built_inside_zero_init_checkpointed_and_with_empty_microbatches():
    pytest.importorskip("deepspeed")
    alone = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1"}
    environment = (
        os.environ | alone | {"MASTER_PORT": "29587", "DS_ACCELERATOR": "cpu", "OMP_NUM_THREADS": "1"}
    )
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    [line] = [line for line in done.stdout.splitlines() if line.startswith("FOUND")]
    found = json.loads(line.removeprefix("FOUND "))
    wanted = found["1 0 0"]
    assert (wanted[2], wanted[3]) == (0, 0)
    assert wanted[0] > wanted[1] > wanted[4] > 0
    assert len(found) == 5
    for case, losses in found.items():
        assert losses == pytest.approx(wanted, rel=1e-3), case
