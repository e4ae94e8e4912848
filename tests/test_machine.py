"""What machine it was: enough to compare two runs, and nothing that names its owner."""

from __future__ import annotations

import getpass
import json
import platform
import socket
import subprocess

import pytest
from loadstone.harness import machine
from loadstone.reports.document import Machine


@pytest.fixture
def nowhere(monkeypatch):
    """A machine without the driver's tool or the files that are looked at."""

    def missing(*args, **kwargs):
        raise FileNotFoundError(2, "no such file")

    monkeypatch.setattr(machine.subprocess, "run", missing)
    monkeypatch.setattr(machine.Path, "read_text", missing)


def everything(told: Machine) -> str:
    return json.dumps([told.identity, told.notes])


def test_identity_holds_what_changes_a_measurement():
    identity = machine.describe_machine().identity
    assert {"system", "architecture", "processor", "cores", "memory_gib", "python", "torch", "gpu"} <= set(
        identity
    )
    assert identity["cores"] >= 1
    assert identity["memory_gib"] > 0
    assert identity["python"] == platform.python_version()


def test_identity_is_the_same_twice():
    assert machine.describe_machine().identity == machine.describe_machine().identity


def test_no_host_user_or_folder_is_named(monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "secret-host")
    monkeypatch.setattr(platform, "node", lambda: "secret-host")
    monkeypatch.setenv("USER", "secret-user")
    monkeypatch.setenv("HOSTNAME", "secret-host")
    monkeypatch.setenv("API_TOKEN", "secret-token")
    told = everything(machine.describe_machine())
    assert "secret" not in told
    assert "/home" not in told
    user = getpass.getuser()
    assert f'"{user}"' not in told


def test_only_our_own_environment_is_noted(monkeypatch):
    monkeypatch.setenv("LOADSTONE_TEST", "7")
    monkeypatch.setenv("TEST_LOADSTONE", "8")
    notes = machine.describe_machine().notes
    assert notes["environment"]["LOADSTONE_TEST"] == "7"
    assert "TEST_LOADSTONE" not in notes["environment"]


def test_a_machine_that_tells_little_is_still_described(nowhere):
    told = machine.describe_machine()
    assert told.identity["gpu"] == "none"
    assert told.identity["processor"]
    assert told.notes["governor"] == "not known"


@pytest.mark.parametrize(
    ("output", "named"),
    [("Example A\n", "Example A"), ("Example A\nExample B\n", "Example A, Example B"), ("\n", "none")],
)
def test_devices_are_named_by_the_driver(monkeypatch, output, named):
    done = subprocess.CompletedProcess([], 0, stdout=output)
    monkeypatch.setattr(machine.subprocess, "run", lambda *_, **__: done)
    assert machine.gpu() == named


@pytest.mark.parametrize(
    "error", [subprocess.CalledProcessError(9, "nvidia-smi"), subprocess.TimeoutExpired("nvidia-smi", 10)]
)
def test_a_driver_that_fails_is_no_device(monkeypatch, error):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(machine.subprocess, "run", fail)
    assert machine.gpu() == "none"


def test_a_library_that_is_not_there():
    assert machine.version("loadstone") == "0.1.0"
    assert machine.version("no-such-library-at-all") == "not installed"
