import pytest

from planner.calibration.table_unstated import is_complete, possible_runs
from planner.domain.run_config import RunConfig


def test_a_complete_run_means_only_itself() -> None:
    config = RunConfig(seq_len=4096, micro_batch_size=2)
    assert is_complete(config)
    assert list(possible_runs(config)) == [(1.0, config)]


def test_a_mean_length_is_left_to_the_estimator() -> None:
    config = RunConfig(mean_tokens_per_sample=300.0, micro_batch_size=2)
    assert list(possible_runs(config)) == [(1.0, config)]


@pytest.mark.parametrize(
    ("config", "count"), [(RunConfig(seq_len=512), 3), (RunConfig(micro_batch_size=1), 3), (RunConfig(), 9)]
)
def test_what_is_not_stated_is_spanned_with_weights_that_add_up(config: RunConfig, count: int) -> None:
    found = list(possible_runs(config))
    assert not is_complete(config)
    assert len({run.config_hash for _, run in found}) == count
    assert all(is_complete(run) for _, run in found)
    assert sum(weight for weight, _ in found) == pytest.approx(1.0)
