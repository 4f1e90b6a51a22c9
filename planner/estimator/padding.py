"""How many of the tokens that are fed are real: padding waste, efficiency of packing."""

from planner.domain.run_config import RunConfig


def real_tokens_ratio(config: RunConfig) -> float | None:
    """Real tokens over fed ones; None where the lengths of samples are not known.

    Fixed padding feeds ``seq_len`` whatever a sample has. Packing whole samples leaves on average half a sample free
    at the end of each sequence, and at least one sample fits. Padding-free batches hold real tokens alone. Under
    dynamic padding the mean counts tokens as fed: only batches sorted by length are known to waste next to nothing.
    """
    if config.batching == "padding_free":
        return 1.0
    if config.batching == "dynamic":
        return 1.0 if config.length_order == "longest_first" or config.micro_batch_size == 1 else None
    mean = config.mean_tokens_per_sample
    if mean is None or config.seq_len is None or config.batching is None:
        return None
    filled = min(mean / config.seq_len, 1.0)
    return filled if config.batching == "padded" else max(1.0 - filled / 2.0, 0.5)
