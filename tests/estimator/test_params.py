import pytest

from planner.catalog.load import load_catalog
from planner.domain.lora import LORA_TARGET_SETS
from planner.domain.model_spec import ModelSpec
from planner.estimator.params import count_adapter, count_params

MODELS = load_catalog().models
LLAMA_2_7B = MODELS["llama-2-7b"]


def attention_of(model: ModelSpec) -> list[tuple[int, ...]]:
    """Every tensor of one layer's attention, head by head."""
    h, head, value = model.hidden_dim, model.head_dim, model.v_head_dim or model.head_dim
    tensors: list[tuple[int, ...]] = [(value, h)] * model.num_heads
    if model.attention_bias == "all":
        tensors.append((h,))
    if model.kv_lora_rank is not None:
        rotary, latent = model.qk_rope_head_dim or 0, model.kv_lora_rank
        tensors.extend([(h, latent), (h, rotary), (latent,)])
        tensors += [(latent, head - rotary), (latent, value)] * model.num_heads
        reads = model.q_lora_rank or h
        tensors += [(reads, head)] * model.num_heads
        if model.q_lora_rank is not None:
            tensors += [(h, reads), (reads,)]
        return tensors
    one_head: list[tuple[int, ...]] = [(h, head), (head,)] if model.attention_bias != "none" else [(h, head)]
    tensors.extend(one_head * (model.num_heads + 2 * model.num_kv_heads))
    if model.qk_norm == "head":
        tensors += [(head,), (head,)]
    if model.qk_norm == "full":
        tensors += [(head,)] * (model.num_heads + model.num_kv_heads)
    return tensors


def feed_forward_of(model: ModelSpec, width: int) -> list[tuple[int, ...]]:
    widening, h = 2 if model.gated_mlp else 1, model.hidden_dim
    biased = [*[width] * widening, h] if model.mlp_bias else []
    return [*[(h, width)] * widening, (width, h), *[(outputs,) for outputs in biased]]


def matrices_of(model: ModelSpec) -> list[tuple[int, ...]]:
    """Every tensor of a model, layer by layer."""
    h = model.hidden_dim
    tensors: list[tuple[int, ...]] = [(model.vocab_size, h)]
    if model.learned_positions:
        tensors.append((model.learned_positions, h))
    norm: list[tuple[int, ...]] = [(h,), (h,)] if model.norm_bias else [(h,)]
    for layer in range(model.num_layers):
        tensors += attention_of(model) + norm * model.num_norms_per_layer
        past_dense = layer - model.first_dense_layers
        if model.num_experts and past_dense >= 0 and (past_dense + 1) % model.moe_layer_period == 0:
            tensors += feed_forward_of(model, model.ffn_dim) * model.num_experts + [(h, model.num_experts)]
            if model.shared_expert_ffn_dim:
                tensors += feed_forward_of(model, model.shared_expert_ffn_dim)
        else:
            tensors += feed_forward_of(model, model.dense_ffn_dim or model.ffn_dim)
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


@pytest.mark.parametrize("name", sorted(MODELS))
def test_total_is_within_half_a_percent_of_the_published_count(name: str) -> None:
    model = MODELS[name]
    assert count_params(model).total == pytest.approx(model.published_params, rel=0.005)


@pytest.mark.parametrize(
    ("name", "active"),
    [
        ("deepseek-v2-lite", 2.4e9),
        ("deepseek-v2", 21e9),
        ("deepseek-v3", 37e9),
        ("kimi-k2", 32e9),
        ("qwen1.5-moe-a2.7b", 2.7e9),
        ("qwen2-57b-a14b", 14e9),
        ("qwen3-30b-a3b", 3.3e9),
        ("qwen3-235b-a22b", 22e9),
        ("llama-4-scout", 17e9),
        ("llama-4-maverick", 17e9),
        ("olmoe-1b-7b", 1.3e9),
    ],
)
def test_active_parameters_are_those_of_the_models_cards(name: str, active: float) -> None:
    assert count_params(MODELS[name]).active == pytest.approx(active, rel=0.13)


def test_only_routed_experts_are_what_expert_parallelism_divides() -> None:
    counts = count_params(MODELS["deepseek-v3"])
    one_expert = 3 * 7168 * 2048
    assert counts.routed_experts == 58 * 256 * one_expert
    assert counts.mlps - counts.routed_experts == 58 * one_expert + 3 * 3 * 7168 * 18432
    assert count_params(LLAMA_2_7B).routed_experts == 0


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


def test_latent_attention_is_adapted_in_its_five_matrices() -> None:
    adapter = count_adapter(MODELS["deepseek-v3"], 1, LORA_TARGET_SETS["attn_all"])
    assert adapter.modules_per_layer == 5
    into_latents = (7168 + 1536) + (7168 + 512 + 64)
    out_of_latents = (1536 + 128 * 192) + (512 + 128 * 256)
    assert adapter.params_per_layer == into_latents + out_of_latents + (128 * 128 + 7168)
    assert adapter.distinct_input_width == 7168 + 1536 + 512 + 128 * 128
