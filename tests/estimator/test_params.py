import pytest

from planner.catalog.load import load_catalog
from planner.domain.lora import LORA_TARGET_SETS
from planner.domain.model_spec import ModelSpec
from planner.estimator.params import count_adapter, count_params

MODELS = load_catalog().models
LLAMA_2_7B = MODELS["llama-2-7b"]


def matrices_of(model: ModelSpec) -> list[tuple[int, ...]]:
    """Every tensor of a model, one by one."""
    h, head, f = model.hidden_dim, model.head_dim, model.ffn_dim
    tensors: list[tuple[int, ...]] = [(model.vocab_size, h)]
    if model.learned_positions:
        tensors.append((model.learned_positions, h))
    norm = [(h,), (h,)] if model.norm_bias else [(h,)]
    for _ in range(model.num_layers):
        for _ in range(model.num_heads):
            tensors += [(h, head), (head, h)]
            if model.attention_bias != "none":
                tensors.append((head,))
        for _ in range(2 * model.num_kv_heads):
            tensors.append((h, head))
            if model.attention_bias != "none":
                tensors.append((head,))
        if model.attention_bias == "all":
            tensors.append((h,))
        for _ in range(model.num_experts or 1):
            widening = 2 if model.gated_mlp else 1
            tensors += [(h, f)] * widening + [(f, h)]
            if model.mlp_bias:
                tensors += [(f,)] * widening + [(h,)]
        if model.num_experts:
            tensors.append((h, model.num_experts))
        for _ in range(model.num_norms_per_layer):
            tensors += norm
    tensors += norm
    if not model.tied_embeddings:
        tensors.append((model.vocab_size, h))
    return tensors


def size_of(tensor: tuple[int, ...]) -> int:
    size = 1
    for side in tensor:
        size *= side
    return size


@pytest.mark.parametrize("name", sorted(MODELS))
def test_total_equals_the_sum_over_all_tensors(name: str) -> None:
    assert count_params(MODELS[name]).total == sum(size_of(tensor) for tensor in matrices_of(MODELS[name]))


@pytest.mark.parametrize("name", sorted(name for name, model in MODELS.items() if model.published_params))
def test_total_is_within_half_a_percent_of_the_published_count(name: str) -> None:
    model = MODELS[name]
    assert count_params(model).total == pytest.approx(model.published_params, rel=0.005)


def test_embeddings_and_the_rest_add_up() -> None:
    counts = count_params(LLAMA_2_7B)
    assert counts.embeddings + counts.non_embedding == counts.total
    assert counts.linear_per_layer == counts.attention_per_layer + counts.mlp_per_layer


def test_a_dense_model_uses_all_of_its_parameters() -> None:
    counts = count_params(LLAMA_2_7B)
    assert counts.active == counts.total


def test_a_token_of_mixtral_passes_through_two_of_eight_experts() -> None:
    counts = count_params(MODELS["mixtral-8x7b"])
    assert counts.active == pytest.approx(12.9e9, rel=0.01)
    assert counts.total == pytest.approx(46.7e9, rel=0.01)


@pytest.mark.parametrize("targets", LORA_TARGET_SETS.values())
@pytest.mark.parametrize("name", ["llama-3.1-8b", "gpt2", "mixtral-8x7b", "qwen2-0.5b"])
def test_an_adapter_is_two_thin_matrices_for_each_target(name: str, targets: tuple[str, ...]) -> None:
    model, rank = MODELS[name], 4
    params = inputs = 0
    for target in targets:
        if target == "gate_proj" and not model.gated_mlp:
            continue
        copies = (model.num_experts or 1) if target in LORA_TARGET_SETS["mlp"] else 1
        used = (model.experts_per_token or 1) if target in LORA_TARGET_SETS["mlp"] else 1
        width_in = {"o_proj": model.num_heads * model.head_dim, "down_proj": model.ffn_dim}.get(
            target, model.hidden_dim
        )
        width_out = {
            "q_proj": model.num_heads * model.head_dim,
            "k_proj": model.num_kv_heads * model.head_dim,
            "v_proj": model.num_kv_heads * model.head_dim,
            "gate_proj": model.ffn_dim,
            "up_proj": model.ffn_dim,
        }.get(target, model.hidden_dim)
        params += copies * (width_in * rank + rank * width_out)
        inputs += used * width_in
    adapter = count_adapter(model, rank, targets)
    assert adapter.params_per_layer == params
    assert adapter.input_width == inputs


def test_adapter_parameters_are_proportional_to_the_rank() -> None:
    one, many = (count_adapter(LLAMA_2_7B, rank, ("q_proj", "v_proj")) for rank in (1, 64))
    assert many.params_per_layer == 64 * one.params_per_layer


def test_a_token_passes_through_the_adapters_of_its_experts_only() -> None:
    dense = count_adapter(LLAMA_2_7B, 8, LORA_TARGET_SETS["all_linear"])
    mixture = count_adapter(MODELS["mixtral-8x7b"], 8, LORA_TARGET_SETS["mlp"])
    assert dense.active_params_per_layer == dense.params_per_layer
    assert mixture.active_params_per_layer == mixture.params_per_layer * 2 / 8


def test_modules_that_read_one_tensor_count_it_once() -> None:
    adapter = count_adapter(LLAMA_2_7B, 8, LORA_TARGET_SETS["attn_qkv"])
    assert adapter.input_width == 3 * LLAMA_2_7B.hidden_dim
    assert adapter.distinct_input_width == LLAMA_2_7B.hidden_dim
