"""The meter counts what /proc shows of every process below this one, also of those that ended unseen."""

import subprocess
import sys
import time

import pytest

from bench.meter import Meter

BURN = "import time\nend = time.process_time() + {seconds}\nwhile time.process_time() < end: pass\n"


@pytest.fixture(scope="module")
def meter():
    watching = Meter()
    watching.start()
    return watching


def python(code: str) -> None:
    subprocess.run([sys.executable, "-S", "-c", code], check=True)


def test_a_child_that_ended_is_counted(meter):
    _, usage = meter.measure(lambda: python(BURN.format(seconds=0.6)))
    assert usage.workers_s == pytest.approx(0.6, abs=0.12)  # the last 50 ms may be missed
    assert usage.jvm_s == 0
    assert usage.wall_s >= 0.6


def test_a_grandchild_whose_parent_never_waits_is_counted(meter):
    parent = "import os, signal, time\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
    code = (
        parent
        + "if child := os.fork():\n"
        + "    while os.path.exists(f'/proc/{child}'): time.sleep(0.1)\n"  # on a busy machine it takes longer
        + "else:\n"
        + "".join(f"    {line}\n" for line in BURN.format(seconds=0.6).splitlines())
    )
    _, usage = meter.measure(lambda: python(code))
    assert usage.workers_s == pytest.approx(0.6, abs=0.15)


def test_this_process_is_counted_without_the_meter(meter):
    def burn() -> str:
        end = time.process_time() + 0.3
        while time.process_time() < end:
            pass
        return "done"

    result, usage = meter.measure(burn)
    assert result == "done"
    assert usage.driver_s == pytest.approx(0.3, abs=0.06)
    assert usage.cpu_s == usage.jvm_s + usage.workers_s + usage.driver_s


def test_waiting_costs_nothing(meter):
    _, usage = meter.measure(lambda: time.sleep(0.5))
    assert usage.cpu_s < 0.05


def test_the_peak_is_of_this_work_only(meter):
    hold = "import time; held = b'x' * {megabytes}_000_000; time.sleep(0.8)"
    _, large = meter.measure(lambda: python(hold.format(megabytes=200)))
    _, small = meter.measure(lambda: python(hold.format(megabytes=1)))
    assert 200e6 < large.workers_peak < 260e6
    assert small.spark_peak == small.workers_peak < 60e6
