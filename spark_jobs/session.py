"""The Spark session every command uses: quiet, with Delta, set for same input, same bytes.

Three tables of settings, by who has the last word. `RESULTS` decide what comes out and hold everywhere;
`DEFAULTS` only speed, so what spark-submit was told wins; `LOCAL` start Spark on this machine and are left
alone on a cluster. A start takes about four seconds.
"""

import atexit
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spark_jobs.errors import ConfigError, CorpusError
from spark_jobs.jars import delta_jars
from spark_jobs.java import find_java

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

RESULTS: Mapping[str, str] = {
    "spark.sql.session.timeZone": "UTC",  # dates of a dump are the same everywhere
    "spark.sql.ansi.enabled": "true",  # an overflow is an error, not a wrong number
    # A map task that is run again and gives other rows makes its readers start over, instead of mixing both.
    "spark.sql.shuffle.orderIndependentChecksum.enabled": "true",
    "spark.sql.shuffle.orderIndependentChecksum.enableFullRetryOnMismatch": "true",
    "spark.databricks.delta.optimizeWrite.enabled": "false",  # would merge files and undo their order
    "spark.databricks.delta.autoCompact.enabled": "false",  # likewise
    "spark.databricks.delta.properties.defaults.enableDeletionVectors": "false",  # reader version 1 only
    "spark.sql.parquet.compression.codec": "zstd",  # half of snappy's bytes on text
    # Row groups of 12 MB on disk: a trainer holds one of each file it mixes. The write option of this name is
    # ignored, the setting is not.
    "parquet.block.size": str(12 << 20),
    # Texts and their ids hardly repeat: a dictionary of them is tried on every file and thrown away.
    "parquet.enable.dictionary#text": "false",
    "parquet.enable.dictionary#doc_id": "false",
}

DEFAULTS: Mapping[str, str] = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.adaptive.coalescePartitions.parallelismFirst": "false",  # few large Python tasks
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.execution.pythonUDF.arrow.enabled": "true",  # as Spark 4.2 does by itself
    "spark.sql.execution.arrow.maxRecordsPerBatch": "2000",  # documents, not numbers: some MB a batch
    "spark.sql.debug.maxToStringFields": "1000",  # no warning about long schemas
    "spark.python.worker.reuse": "true",  # tables of a language are built once a worker
    # One thread a worker: Spark already runs one on each core.
    "spark.executorEnv.OMP_NUM_THREADS": "1",
    "spark.executorEnv.OPENBLAS_NUM_THREADS": "1",
    # Buffers of megabytes come and go with each batch; glibc would return each to the kernel and get it back
    # zeroed: 12 to 18 % of a build's CPU.
    "spark.executorEnv.ARROW_DEFAULT_MEMORY_POOL": "system",
    "spark.executorEnv.MALLOC_ARENA_MAX": "1",
    "spark.executorEnv.MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "spark.executorEnv.MALLOC_TRIM_THRESHOLD_": str(1 << 30),
}

LOCAL: Mapping[str, str] = {
    "spark.driver.bindAddress": "127.0.0.1",  # nothing of a local run is reachable from outside
    "spark.driver.host": "127.0.0.1",
    "spark.ui.showConsoleProgress": "false",
    "spark.python.daemon.module": "spark_jobs.worker",  # a Python task costs 1 ms, not 110
    "spark.databricks.delta.snapshotPartitions": "1",  # a table's state fits one task; 50 is the default
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "8",  # VACUUM of a small table: 54 s to 4 s
}

SHORT_JOB_JAVA = (
    # No optimising compiler: in a first build on 450 MB it takes 38 of 80 CPU seconds and wins 10 back.
    "-XX:TieredStopAtLevel=1",
    "-XX:ReservedCodeCacheSize=240m",  # without that compiler Java reserves 48 MB, too little for Spark
    "-XX:+UseSerialGC",  # least memory, and nobody waits for its pauses
)
SHORT_JOB_BYTES = 600_000_000
"""Stored bytes, some 2 GB of text, up to which a build is a short job."""

MAX_DEFAULT_CORES = 8
"""More share the default driver memory badly; `cores` takes any number."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionConfig:
    """How Spark is started on this machine; on a cluster spark-submit decides all of it but the name."""

    app_name: str = "corpus"
    """Shown in Spark's own pages."""
    cores: int | None = None
    """Tasks at a time, a Python worker for each; None: all cores of this process, 8 at most."""
    driver_memory: str | None = None
    """Heap of the JVM as Spark writes it, such as 3g; None: $SPARK_DRIVER_MEMORY, else 3g."""
    shuffle_partitions: int | None = None
    """Partitions of an exchange that names no number; None: four a core."""
    scratch: Path | None = None
    """Folder for shuffle files; None: the system's temporary folder."""
    log_file: Path | None = None
    """Where Spark's own log goes; None: a temporary file that is quoted when the start fails."""
    ui: bool = False
    """Serve Spark's web pages on 127.0.0.1 while the session runs."""
    short_job: bool = False
    """Let Java compile lightly (`SHORT_JOB_JAVA`); right for up to `SHORT_JOB_BYTES` of input."""

    def __post_init__(self) -> None:
        """Refuses what Spark would refuse later and at length."""
        for name in ("cores", "shuffle_partitions"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(name, value, accepted="a whole number from 1")


def get_session(config: SessionConfig | None = None) -> "SparkSession":
    """The running session of this process, else a new one; on a cluster the one that spark-submit prepared.

    Raises CorpusError when Java or the Delta jars cannot be had, or when Spark does not start.
    """
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    config = config or SessionConfig()
    if SparkContext._active_spark_context is None:
        if launched_by_spark_submit():
            _join_cluster(config)
        else:
            _start_local(config)
    session = SparkSession.builder.getOrCreate()
    for key, value in RESULTS.items():
        session.conf.set(key, value)
    return session


def launched_by_spark_submit() -> bool:
    """Whether a JVM with its own settings already waits for this program."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def _join_cluster(config: SessionConfig) -> None:
    from pyspark import SparkConf, SparkContext

    SparkContext._ensure_initialized()  # so that SparkConf shows what spark-submit was told
    conf = SparkConf()
    for key, value in {**DEFAULTS, "spark.app.name": config.app_name}.items():
        conf.setIfMissing(key, value)
    SparkContext(conf=conf)


def _start_local(config: SessionConfig) -> None:
    from pyspark import SparkConf, SparkContext
    from pyspark.find_spark_home import _find_spark_home
    from pyspark.java_gateway import launch_gateway

    java_home = find_java()
    jars = delta_jars(Path(_find_spark_home()), java_home)
    scratch = Path(tempfile.mkdtemp(prefix="teacher-model-", dir=config.scratch))
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    conf = SparkConf(loadDefaults=False)
    for key, value in {**DEFAULTS, **LOCAL, **_of_this_start(config, scratch, jars)}.items():
        conf.set(key, value)
    os.environ |= {
        "JAVA_HOME": str(java_home),
        "PYSPARK_PYTHON": sys.executable,  # else workers run the `python3` of the PATH, without our packages
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    log_file = config.log_file or scratch / "spark.log"
    try:
        with log_file.open("ab") as log:  # of the JVM; the workers write through it
            gateway: Any = None
            if SparkContext._gateway is None:
                gateway = launch_gateway(conf, {"stdout": log, "stderr": log})
            SparkContext(conf=conf, gateway=gateway)
    except Exception as error:  # a dead JVM and a refused setting raise quite different things
        said = _last_words(log_file, error)
        raise CorpusError("Spark did not start", where=f"Java in {java_home}", why=said) from error


def _of_this_start(config: SessionConfig, scratch: Path, jars: list[Path]) -> dict[str, str]:
    """The settings that the options and this machine decide."""
    cores = config.cores or min(len(os.sched_getaffinity(0)), MAX_DEFAULT_CORES)
    quiet = Path(__file__).parent / "data" / "log4j2.properties"
    java_options = [f"-Dlog4j2.configurationFile={quiet.as_uri()}"]
    if config.short_job:
        java_options += SHORT_JOB_JAVA
    return {
        "spark.app.name": config.app_name,
        "spark.master": f"local[{cores}]",
        "spark.driver.memory": config.driver_memory or os.environ.get("SPARK_DRIVER_MEMORY", "3g"),
        "spark.driver.extraJavaOptions": " ".join(java_options),
        # Two plain files: `spark.jars.packages` lists what it finds, and slows every Python task besides.
        "spark.jars": ",".join(map(str, jars)),
        "spark.local.dir": str(scratch),
        "spark.sql.shuffle.partitions": str(config.shuffle_partitions or 4 * cores),
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),  # else ./spark-warehouse appears
        "spark.ui.enabled": str(config.ui).lower(),
    }


def _last_words(log_file: Path, error: Exception) -> str:
    """What the JVM said before it died, else what py4j did: at most three lines."""
    said = log_file.read_text(encoding="utf-8", errors="replace").splitlines()
    noise = re.compile(r"\s*$|WARNING: |\tat |[0-9:]+ WARN ")
    lines = [line for line in said if not noise.match(line)]
    return "\n         ".join((lines or str(error).splitlines())[-3:])
