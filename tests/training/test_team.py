"""Several processes train what one does: the same samples once each, the same losses to rounding.

Each number of processes is started once, by torchrun, and goes through all scenarios.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist

from dfx.errors import ConfigError, TeamLost, TrainingFailed
from dfx.training import loop
from dfx.training.signals import StopFlag
from dfx.training.team import ALONE, Team, assemble, is_follower

from .team_script import EPOCHS, SCENARIOS, train

SCRIPT = Path(__file__).with_name("team_script.py")
Results = dict[str, dict[str, Any]]


def launch(processes: int, scenarios: list[str], data: Path, out: Path) -> list[Results]:
    """What each process of a team saw, by rank."""
    command = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={processes}"]
    done = subprocess.run(
        [*command, "--standalone", str(SCRIPT), ",".join(scenarios), str(data), str(out)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [torch.load(out / f"{rank}.pt", weights_only=True) for rank in range(processes)]


@pytest.fixture(scope="module")
def two(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Results]:
    return launch(2, list(SCENARIOS), faces, tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="module")
def three(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Results]:
    """Of each last batch of two, the third process has nothing."""
    return launch(3, ["plain", "norms", "skips"], faces, tmp_path_factory.mktemp("three"))


@pytest.fixture(scope="module")
def one(faces: Path) -> Results:
    threads, pace = torch.get_num_threads(), loop._PROGRESS_SECONDS
    try:
        torch.set_num_threads(1)
        loop._PROGRESS_SECONDS = 0.0
        return {scenario: train(scenario, faces, ALONE) for scenario in SCENARIOS}
    finally:
        torch.set_num_threads(threads)
        loop._PROGRESS_SECONDS = pace


def compare(team: list[Results], one: Results, scenario: str, tolerance: float) -> None:
    __tracebackhide__ = True
    expected = one[scenario]
    for member in team:
        found = member[scenario]
        assert len(expected["told"]) == len(found["told"])
        for told, alone in zip(found["told"], expected["told"], strict=True):
            assert told[:3] == alone[:3]
            assert told[3:] == pytest.approx(alone[3:], rel=tolerance), f"at {told[:3]}"
        assert [row[2] for row in expected["scored"]] == [row[2] for row in found["scored"]]


# What rounding does to a loss, relative, as seen here times three or so; "apart" is far above.
TOLERANCES = {"plain": 1e-6, "accumulated": 1e-6, "float16": 1e-4, "norms": 1e-5, "b4": 5e-4}


@pytest.mark.parametrize("scenario", TOLERANCES)
def test_two_processes_have_the_losses_of_one(
    scenario: str, one: Results, two: list[Results]
) -> None:
    """At every step and in validation, with uneven last batches; with batch norm, and on B4."""
    compare(two, one, scenario, TOLERANCES[scenario])


@pytest.mark.parametrize("scenario", ["plain", "norms"])
def test_three_processes_too(scenario: str, one: Results, three: list[Results]) -> None:
    """Though one of them has no sample of the last batch."""
    compare(three, one, scenario, TOLERANCES[scenario])


def test_a_process_that_has_no_gradients_is_given_zeros(one: Results, three: list[Results]) -> None:
    """As torch's batch norm leaves it on a card, where there was nothing to normalise."""
    compare(three, {"skips": one["plain"]}, "skips", TOLERANCES["plain"])


def test_the_losses_tell_whether_batch_norm_is_synchronised(
    one: Results, two: list[Results]
) -> None:
    with pytest.raises(AssertionError):
        compare(two, one, "apart", 100 * TOLERANCES["norms"])


@pytest.mark.parametrize("scenario", TOLERANCES)
def test_all_end_with_the_same_weights(scenario: str, two: list[Results]) -> None:
    """To the bit: network, batch-norm statistics and moving average."""
    for name in ("weights", "average"):
        first, second = (member[scenario][name] for member in two)

        assert first.keys() == second.keys()
        assert [key for key in first if not torch.equal(first[key], second[key])] == []


@pytest.mark.parametrize("scenario", TOLERANCES)
def test_each_sample_is_seen_once(scenario: str, two: list[Results]) -> None:
    """Each process has its share of every batch; put together, they are the one global order."""
    plans = two[0][scenario]["plans"]
    shares = [member[scenario]["trained_on"] for member in two]
    batches = [batch for plan in plans for batch in plan]

    assert len(batches) == len(shares[0]) == len(shares[1])
    for batch, first, second in zip(batches, *shares, strict=True):
        assert sorted(batch) == sorted(first + second)
        assert abs(len(first) - len(second)) <= 1
    for epoch in range(EPOCHS):
        seen = [b for share in shares for b in share[epoch * len(plans[0]) :][: len(plans[0])]]
        assert sorted(i for b in seen for i in b) == list(range(2 * SCENARIOS[scenario][2]))


def test_validation_is_shared_and_put_together_in_order(two: list[Results]) -> None:
    found = [member["plain"] for member in two]
    samples = [sum(map(len, member["validated_on"])) for member in found]

    assert samples == [8 * EPOCHS] * 2
    assert found[0]["scored"] == found[1]["scored"]
    assert [row[2] for row in found[0]["scored"]] == [list(range(16))] * EPOCHS


def test_a_process_without_samples_keeps_step(three: list[Results]) -> None:
    shares = [list(map(len, member["plain"]["trained_on"])) for member in three]

    assert shares == [[3, 3, 3, 1] * EPOCHS, [3, 3, 3, 1] * EPOCHS, [2, 2, 2, 0] * EPOCHS]


def test_a_signal_to_one_stops_all_at_the_same_step(two: list[Results]) -> None:
    """And every process knows which signal it was."""
    stopped = [member["stopped"] for member in two]

    assert [member["step"] for member in stopped] == [2, 2]
    assert [member["signal"] for member in stopped] == [15, 15]


def test_what_two_have_begun_one_can_finish(faces: Path, one: Results, two: list[Results]) -> None:
    """From the middle of an epoch: the sums of both are in what the leader saves."""
    saved = two[0]["stopped"]["state"]
    rest = train("plain", faces, ALONE, saved)
    expected = one["plain"]

    assert saved["tally"].shape == (2, 4)
    assert (saved["tally"][:, 0] > 0).all()
    assert [row[0] for row in rest["scored"]] == pytest.approx(
        [row[0] for row in expected["scored"]], rel=TOLERANCES["plain"]
    )
    for key, value in expected["weights"].items():
        torch.testing.assert_close(rest["weights"][key], value, rtol=1e-5, atol=1e-6)


def test_a_signal_during_the_exchange_counts_at_the_next() -> None:
    """It arrives after this process has said that there was none."""
    flag = StopFlag(lambda: None)

    class Busy(Team):
        def most(self, number: int) -> int:
            flag.signal_number = 15
            return number

    should_stop = Busy().sharing(flag)

    assert [should_stop(), should_stop()] == [False, True]
    assert flag.signal_number == 15


def test_what_keeps_one_from_its_task_is_known_to_all(two: list[Results]) -> None:
    """So that the leader can say it, and none waits for one that does not come."""
    assert [member["meeting"]["problems"] for member in two] == [[("no room", "a hint")]] * 2


class TestAssembly:
    def test_half_an_environment_is_refused_in_words(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WORLD_SIZE", "2")
        for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
            monkeypatch.delenv(name, raising=False)

        with pytest.raises(ConfigError, match="WORLD_SIZE is 2, but RANK is not set"), assemble():
            pass

    def test_a_number_that_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WORLD_SIZE", "two")

        with pytest.raises(ConfigError, match="WORLD_SIZE is 'two'; expected a number"):
            is_follower()


class TestAlone:
    def test_tells_itself_everything(self) -> None:
        tensor = torch.ones(2)
        ALONE.add_up([tensor])
        ALONE.hand_out("nothing")

        assert (ALONE.most(3), ALONE.gather("x"), ALONE.is_leader) == (3, ["x"], True)
        assert tensor.tolist() == [1.0, 1.0]
        assert ALONE.group is None

    def test_is_no_follower(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("RANK", "WORLD_SIZE"):
            monkeypatch.delenv(name, raising=False)

        assert not is_follower()

    @pytest.mark.parametrize(
        ("rank", "size", "expected"), [("0", "2", False), ("1", "2", True), ("0", "1", False)]
    )
    def test_the_first_process_leads(
        self, rank: str, size: str, expected: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("RANK", rank)
        monkeypatch.setenv("WORLD_SIZE", size)

        assert is_follower() == expected


def test_the_end_of_another_process_is_put_into_words() -> None:
    """Other failures to talk keep their reason, and other errors all that they are."""
    with pytest.raises(TeamLost, match="another training process has ended"), Team(0, 2).working():
        raise RuntimeError("[gloo/transport/tcp/pair.cc:1] Connection closed by peer\nmore")
    with pytest.raises(TrainingFailed) as caught, Team(0, 2).working():
        raise dist.DistBackendError("NCCL error, unhandled\nLast error:\nno space in /dev/shm")
    assert not isinstance(caught.value, TeamLost)
    assert caught.value.message.endswith("exchange: NCCL error, unhandled no space in /dev/shm")
    with pytest.raises(RuntimeError, match="mat1 and mat2"), Team(0, 2).working():
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")
