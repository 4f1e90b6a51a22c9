"""How long a run trains: steps and tokens."""

from planner.domain.run_config import RunConfig
from planner.errors import UnknownFieldError
from planner.estimator.elementwise import ceil, larger, smaller


def steps_and_tokens(config: RunConfig, *, tokens_per_step: float, fed_tokens: float) -> tuple[int, float]:
    """Optimizer steps and fed tokens of the whole run.

    max_steps goes before train_tokens, and both go before epochs of a dataset. A dataset's tokens go before its rows;
    under packing its rows count as packed samples unless the mean tokens of a row are known.
    """
    if config.max_steps is not None:
        return config.max_steps, config.max_steps * tokens_per_step
    if config.train_tokens is not None:
        return larger(1, ceil(config.train_tokens / tokens_per_step)), 1.0 * config.train_tokens
    dataset = config.dataset
    if config.epochs is not None and dataset is not None and (dataset.tokens or dataset.rows):
        if dataset.tokens and config.batching in ("packed", "padding_free"):
            tokens = config.epochs * dataset.tokens
        elif dataset.rows:
            each = fed_tokens
            if config.batching == "packed" and config.mean_tokens_per_sample is not None:
                each = smaller(config.mean_tokens_per_sample, fed_tokens)
            tokens = config.epochs * dataset.rows * each
        else:
            tokens = config.epochs * float(dataset.tokens or 0)
        return larger(1, ceil(tokens / tokens_per_step)), tokens
    raise UnknownFieldError("max_steps", "give max_steps, train_tokens, or epochs with dataset.rows or dataset.tokens")
