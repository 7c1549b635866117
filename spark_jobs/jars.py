"""Finds the two jars that teach Spark Delta; fetches them once, through Spark's own resolver."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from spark_jobs.errors import CorpusError
from spark_jobs.java import cache_folder

DELTA_VERSION = "4.2.0"
"""What EMR 8.1 and 8.2 ship (emr-spark-8.1.0, emr-spark-8.2.0)."""
DELTA_PACKAGE = f"io.delta:delta-spark_4.1_2.13:{DELTA_VERSION}"
"""Always with the Spark suffix: the name without it changes its Spark from release to release."""
JARS = (f"delta-spark_4.1_2.13-{DELTA_VERSION}.jar", f"delta-storage-{DELTA_VERSION}.jar")
# Without these excludes the resolver pulls 32 artifacts (171 MB), none of which our use of Delta touches.
_EXCLUDES = "org.*:*,com.*:*,commons-*:*,javax.*:*,io.airlift:*,io.unitycatalog:*,io.delta:delta-kernel-*"
_FETCH_SECONDS = 300


def delta_jars(spark_home: Path, java_home: Path) -> list[Path]:
    """The jars to hand to Spark; none when its own folder has them. Fetches 8.6 MB the first time.

    Their place is `jar_folder()`. Raises CorpusError when they cannot be had.
    """
    own = spark_home / "jars"
    if all(list(own.glob(f"{name}*.jar")) for name in ("delta-spark", "delta-storage")):
        return []
    folder = jar_folder()
    wanted = [folder / name for name in JARS]
    if not all(jar.exists() for jar in wanted):
        print(f"fetching Delta Lake {DELTA_VERSION} (8.6 MB, once)", file=sys.stderr, flush=True)
        _fetch(spark_home, java_home, folder)
    return wanted


def jar_folder() -> Path:
    """$TEACHER_MODEL_JARS, else `jars` in this project's cache folder."""
    chosen = os.environ.get("TEACHER_MODEL_JARS")
    return Path(chosen).absolute() if chosen else cache_folder() / "jars"


def _fetch(spark_home: Path, java_home: Path, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Beside the final place, so that the last step is a rename: nobody ever sees half a jar.
        with tempfile.TemporaryDirectory(dir=folder, prefix="fetch-") as scratch:
            said = _resolve(spark_home, java_home, Path(scratch))
            for name in JARS:
                fetched = Path(scratch, "jars", f"io.delta_{name}")
                if not fetched.exists():
                    raise _unavailable(folder, _complaint(said))
                fetched.replace(folder / name)
    except OSError as error:
        raise _unavailable(folder, str(error)) from error


def _resolve(spark_home: Path, java_home: Path, scratch: Path) -> str:
    """Runs an empty Spark program that asks for Delta; returns what the resolver printed."""
    program = scratch / "nothing.py"
    program.write_text("", encoding="utf-8")
    settings = {"packages": DELTA_PACKAGE, "excludes": _EXCLUDES, "ivy": str(scratch)}
    options = [part for key, value in settings.items() for part in ("--conf", f"spark.jars.{key}={value}")]
    command = [str(spark_home / "bin" / "spark-submit"), "--master", "local[1]", *options, str(program)]
    environment = {
        **os.environ,
        "JAVA_HOME": str(java_home),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_FETCH_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_FETCH_SECONDS} seconds"
    return done.stdout + done.stderr


def _complaint(said: str) -> str:
    """The line of the resolver's listing that names the trouble, else its last one."""
    lines = [line.strip(":\t ") for line in said.splitlines() if line.strip(":\t- ")]
    telling = [
        line for line in lines if "not found" in line or "Exception" in line or "error" in line.lower()
    ]
    return (telling or lines or ["the resolver said nothing"])[-1]


def _unavailable(folder: Path, why: str) -> CorpusError:
    return CorpusError(
        f"Delta Lake {DELTA_VERSION} ({DELTA_PACKAGE}) could not be fetched",
        where=str(folder),
        why=why,
        do=f"put {' and '.join(JARS)} there, or in a folder named by TEACHER_MODEL_JARS; "
        "behind a mirror, set spark.jars.ivySettings in $SPARK_CONF_DIR/spark-defaults.conf",
    )
