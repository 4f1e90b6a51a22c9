from pathlib import Path

import pytest

from planner.catalog.load import load_catalog
from planner.config_files import load_programme, load_run, override, read_yaml
from planner.errors import ConfigError

CATALOG = load_catalog()
TEMPLATES = Path(__file__).parents[1] / "planner" / "cli" / "templates"


def write(folder: Path, text: str, name: str = "run.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_templates_that_init_writes_are_valid() -> None:
    programme = load_programme(TEMPLATES / "foretune.yaml", CATALOG)
    run = load_run(TEMPLATES / "run.yaml", CATALOG)
    assert programme.planned_updates[0].run == run
    assert run.cluster is not None
    assert run.cluster.accelerator.slug == "a100-80gb"


def test_a_run_is_called_after_its_file_unless_it_names_itself(tmp_path: Path) -> None:
    assert load_run(write(tmp_path, "method: full", "nightly.yaml"), CATALOG).name == "nightly"
    assert load_run(write(tmp_path, "name: mine"), CATALOG).name == "mine"


def test_a_run_over_nodes_of_a_provider_has_the_network_of_its_instances(tmp_path: Path) -> None:
    text = "cluster: {accelerator: h100-sxm-80gb, count: 16, provider: aws, instance_type: p5.48xlarge}"
    run = load_run(write(tmp_path, text), CATALOG)
    assert run.cluster is not None
    assert run.cluster.inter_node_bytes_per_s_per_accelerator == 50e9


def test_a_model_is_found_by_its_hugging_face_id(tmp_path: Path) -> None:
    run = load_run(write(tmp_path, "model: meta-llama/Llama-3.1-8B"), CATALOG)
    assert run.model is not None
    assert run.model.name == "llama-3.1-8b"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model: lama-3.1-8b", ["run.yaml", "unknown model 'lama-3.1-8b'", "llama-3.1-8b"]),
        ("cluster: {accelerator: a100-80g}", ["unknown accelerator 'a100-80g'", "a100-80gb"]),
        ("micro_bach_size: 4", ["micro_bach_size", "micro_batch_size"]),
        ("lora: {rnk: 4}", ["lora.rnk", "rank"]),
        ("micro_batch_size: -1", ["micro_batch_size", "greater than 0", "-1"]),
        ("seq_len: 10000000000000", ["seq_len", "less than or equal"]),
        ("method: loara", ["method", "'full', 'lora', 'qlora' or 'adapter'", "loara"]),
        ("precision: int3", ["precision", "int3", "bf16-mixed"]),
        ("lora: {targets: attn_everything}", ["attn_everything", "q_proj"]),
        ("train_tokens: .nan", ["train_tokens", "finite"]),
        ("parallelism: {tp: 3}\ncluster: {accelerator: a100-80gb, count: 8}", ["tp 3", "does not divide", "8"]),
        ("a: [1, 2", ["not valid YAML", "line"]),
        ("- a\n- b", ["keys and values", "list"]),
        ("a: &x 1\nb: *x", ["aliases"]),
        ("seq_len: 1\nseq_len: 2", ["seq_len", "given twice"]),
        ("a: 1\n" * 300_000, ["larger than"]),
        ("[" * 5000, ["not valid YAML", "nested too deeply"]),
        ("", ["is empty", "foretune init"]),
        ("seq_len: !!int abc", ["not valid YAML", "abc", "line 1"]),
        ("name: 2026-13-45", ["not valid YAML", "month"]),
        ("trainable_params: " + "9" * 5000, ["not valid YAML"]),
        ("trainable_params: " + "9" * 400, ["trainable_params", "at most 1e+18"]),
        ("parallelism: {ep: 1000000000000000000000}", ["parallelism.ep", "at most 1e+18"]),
        ("micro_batch_size: true", ["micro_batch_size", "must be a number", "true"]),
        ("cluster: {accelerator: a100-80gb, count: yes}", ["cluster.count", "must be a number"]),
        ("\n".join(f"k{number}: 1" for number in range(5000)), ["unknown key 'k0'", "and 4988 more"]),
    ],
)
def test_a_mistake_is_named_with_its_value_and_its_place(tmp_path: Path, text: str, expected: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load_run(write(tmp_path, text), CATALOG)
    for part in expected:
        assert part in str(caught.value)


def test_a_message_stays_short_whatever_was_written(tmp_path: Path) -> None:
    for text in ("model: " + "x" * 100_000, "\n".join(f"k{number}: 1" for number in range(5000))):
        with pytest.raises(ConfigError) as caught:
            load_run(write(tmp_path, text), CATALOG)
        assert len(str(caught.value)) < 4000


@pytest.mark.parametrize("written", ["4e7", "4.0e+7", "40_000_000", "40000000"])
def test_a_large_number_may_be_written_as_people_write_it(tmp_path: Path, written: str) -> None:
    assert load_run(write(tmp_path, f"train_tokens: {written}"), CATALOG).train_tokens == 40_000_000


def test_yes_and_no_stay_where_they_belong(tmp_path: Path) -> None:
    run = load_run(write(tmp_path, "parallelism: {cpu_offload: true}"), CATALOG)
    assert run.parallelism.cpu_offload


def test_a_mistake_in_a_setting_says_that_it_came_from_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"with --set seq_len=abc"):
        load_run(write(tmp_path, "method: full"), CATALOG, ["seq_len=abc"])


def test_a_file_without_end_is_not_read_to_its_end() -> None:
    endless = Path("/dev/zero")
    if not endless.exists():
        pytest.skip("this system has no /dev/zero")
    with pytest.raises(ConfigError, match="larger than"):
        read_yaml(endless)


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no such file.*foretune init"):
        read_yaml(tmp_path / "foretune.yaml")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_yaml(path)


def test_settings_override_nested_keys_and_leave_the_file_alone() -> None:
    content = {"cluster": {"accelerator": "a100-80gb", "count": 1}, "seq_len": 512}
    changed = override(content, ["cluster.count=8", "lora.rank=4", "seq_len=1024"])
    assert changed == {"cluster": {"accelerator": "a100-80gb", "count": 8}, "lora": {"rank": 4}, "seq_len": 1024}
    assert content["cluster"] == {"accelerator": "a100-80gb", "count": 1}


@pytest.mark.parametrize("setting", ["seq_len", "=4", "a=[1", "a=" + "[" * 5000, "a=2026-99-99", "a=" + "9" * 5000])
def test_a_setting_without_key_or_value_is_refused(setting: str) -> None:
    with pytest.raises(ConfigError, match="--set"):
        override({}, [setting])


def test_sqlite_stores_are_meant_from_the_folder_of_the_programme(tmp_path: Path) -> None:
    text = "name: x\nsources:\n  - tracking_uri: sqlite:///a/mlflow.db\n  - tracking_uri: https://host\n"
    programme = load_programme(write(tmp_path, text, "foretune.yaml"), CATALOG)
    assert programme.sources[0].tracking_uri == f"sqlite:///{tmp_path.resolve()}/a/mlflow.db"
    assert programme.sources[1].tracking_uri == "https://host"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: x", "sources"),
        ("name: x\nsources: [{tracking_uri: a, experiments: []}]", "experiments"),
        (
            "name: x\nsources: [{tracking_uri: a}]\nplanned_updates: [{name: u, cadence: '* * * * * *', run: {}}]",
            "no cron",
        ),
        ("name: x\nsources: [{tracking_uri: a}]\nbudget: {monthly_usd: yes}", "budget.monthly_usd: must be a number"),
        ('name: x\nsources: [{tracking_uri: a}]\nplanned_updates: [{name: u, run: "a\\0b"}]', "cannot be read"),
        ("name: x\ntime_zone: Mars/Base\nsources: [{tracking_uri: a}]", "Mars/Base"),
        ("name: x\nsources: [{tracking_uri: a}]\nplanned_updates: [{name: u, cadence: 'x', run: {}}]", "no cron"),
        (
            "name: x\nsources: [{tracking_uri: a}]\nplanned_updates: [{name: u, cadence: '0 6 * * 1', run: r.yaml}]",
            "r.yaml",
        ),
        (
            "name: x\nsources: [{tracking_uri: a}]\nplanned_updates:\n"
            "  - {name: u, cadence: '0 6 * * 1', run: {}}\n  - {name: u, cadence: '0 6 * * 1', run: {}}",
            "'u' is given twice",
        ),
    ],
)
def test_a_mistake_in_the_programme_is_named(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_programme(write(tmp_path, text, "foretune.yaml"), CATALOG)
    assert expected in str(caught.value)


def test_a_mistake_inside_a_source_is_the_only_one_that_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_programme(write(tmp_path, "name: x\nsources: [{tracking_uri: a, x: 1}]", "foretune.yaml"), CATALOG)
    assert "sources.0.x" in str(caught.value)
    assert "at least 1" not in str(caught.value)


def test_a_password_in_a_tracking_uri_is_not_repeated_in_a_message(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_programme(write(tmp_path, "name: x\nsources: ['https://me:secret@host']", "foretune.yaml"), CATALOG)
    assert "secret" not in str(caught.value)


def test_a_programme_without_stores_says_so_itself(tmp_path: Path) -> None:
    programme = load_programme(write(tmp_path, "name: x\nsources: []", "foretune.yaml"), CATALOG)
    assert programme.sources == ()
