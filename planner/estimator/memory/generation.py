"""Text made during training: evaluation by generation, rollouts."""

from planner.estimator.workload import Workload


def key_value_cache_bytes(run: Workload) -> float:
    """Keys and values of all generated sequences on one device; latent attention caches its latent.

    Source: arXiv 2309.06180, section 3; latents: arXiv 2405.04434, section 2.1.
    """
    model = run.model
    per_token = model.kv_dim + model.num_kv_heads * (model.v_head_dim or model.head_dim)
    divided = run.tp
    if model.kv_lora_rank is not None and model.qk_rope_head_dim is not None:
        per_token, divided = model.kv_lora_rank + model.qk_rope_head_dim, 1
    tokens = run.generated_sequences * run.generated_tokens
    return run.compute_bytes * tokens * run.stage_layers * per_token / divided


def generation_logits_bytes(run: Workload) -> float:
    """Logits of one position of each sequence, in the compute dtype and in fp32."""
    return run.generated_sequences * run.model.vocab_size / run.tp * (run.compute_bytes + 4.0)
