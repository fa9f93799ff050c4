"""What the environment says of processes that train together."""

from __future__ import annotations

import pytest

from latentspace.core.cluster import VARIABLES, Cluster, is_first_process, read_cluster
from latentspace.core.errors import InputError


def name_processes(monkeypatch: pytest.MonkeyPatch, *values: str) -> None:
    for name, value in zip(VARIABLES, values, strict=True):
        monkeypatch.setenv(name, value)


def test_a_process_alone_is_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_cluster() is None
    assert is_first_process()
    name_processes(monkeypatch, "", "", "")
    assert read_cluster() is None


def test_the_first_of_all_hosts_is_where_they_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    name_processes(monkeypatch, "10.0.0.1:1234,10.0.0.2:1234", "2", "1")
    assert read_cluster() == Cluster("10.0.0.1:1234", 2, 1)
    assert not is_first_process()
    name_processes(monkeypatch, "node-a:1234", "2", "0")
    assert read_cluster() == Cluster("node-a:1234", 2, 0)
    assert is_first_process()


@pytest.mark.parametrize(
    "values",
    [
        ("", "2", "0"),
        ("host:1", "", "0"),
        ("host:1", "2", ""),
        ("host", "2", "0"),
        ("host:1", "2", "2"),
        ("host:1", "two", "0"),
        ("host:1", "2", "-1"),
        ("host:1 2 0", "2", "0"),
    ],
)
def test_half_named_processes_are_refused(
    monkeypatch: pytest.MonkeyPatch, values: tuple[str, str, str]
) -> None:
    name_processes(monkeypatch, *values)
    with pytest.raises(InputError, match=r"KERAS_DISTRIBUTION_PROCESS_ID=.*; set all, or none"):
        read_cluster()
