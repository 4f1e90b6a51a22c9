"""Traces training runs of many shapes with fake tensors and writes them as a table of runs.

`python -m benchmarks.traced_memory` writes benchmarks/traced_memory.csv: allocated memory that no card was needed for.
Its rows are in the import format, so the constants of memory can be fitted on them as on published runs.
"""

import argparse
import csv
import itertools
import random
import warnings

from benchmarks.fake_training import traced_peak_bytes
from benchmarks.published_memory import TRACED, TRACED_SOURCE
from planner.catalog.load import load_catalog
from planner.dialects.run_table import read_row
from planner.units import GIB

DIMS = (
    # hidden, heads, key/value heads, head dim, feed-forward, vocabulary
    (896, 14, 2, 64, 4864, 8000),
    (2048, 32, 8, 64, 8192, 128_256),
    (2048, 32, 4, 64, 5632, 32_000),
    (4096, 32, 8, 128, 14_336, 32_000),
    (4096, 32, 32, 128, 11_008, 32_000),
    (1536, 12, 2, 128, 8960, 151_936),
    (3072, 24, 8, 128, 8192, 49_152),
    (1024, 16, 16, 64, 2816, 16_000),
)
METHODS = (
    ("full", "", ""),
    ("lora", "attn_qv", "fp32"),
    ("lora", "all_linear", "fp32"),
    ("lora", "all_linear", "bf16"),
)
BATCHES = ((1, 512), (2, 2048), (8, 1024), (1, 8192))
SEED = 20_261_124


def shapes(count: int) -> list[dict[str, str]]:
    """``count`` different configurations, drawn without repetition."""
    every = list(itertools.product(DIMS, METHODS, BATCHES, ("none", "full"), ("adamw", "adamw_fused"), (2, 4), (8, 64)))
    random.Random(SEED).shuffle(every)  # noqa: S311
    rows = []
    for number, (dims, method, batch, checkpointing, optimizer, layers, rank) in enumerate(every[:count]):
        hidden, heads, kv_heads, head_dim, ffn, vocab = dims
        rows.append(
            {
                "id": f"traced-{number:03d}", "source": TRACED_SOURCE, "kind": "finetune", "outcome": "ok",
                "evidence": "measured", "memory_tier": "A", "method": method[0], "base_quant": "none",
                "lora_rank": str(rank) if method[1] else "", "lora_targets": method[1], "adapter_dtype": method[2],
                "model": f"llama-{hidden}-{layers}", "num_layers": str(layers), "hidden_dim": str(hidden),
                "ffn_dim": str(ffn), "num_heads": str(heads), "num_kv_heads": str(kv_heads),
                "head_dim": str(head_dim), "vocab_size": str(vocab), "tied_embeddings": "false",
                "accelerator": "a100-80gb", "accelerator_memory_gib": "80", "n_accel": "1", "n_nodes": "1",
                "param_dtype": "bf16", "compute_dtype": "bf16", "amp": "false", "optimizer": optimizer,
                "seq_len": str(batch[1]), "avg_tokens_per_sample": str(batch[1]), "batching": "packed",
                "micro_batch": str(batch[0]), "grad_accum": "1", "global_batch": str(batch[0]), "sharding": "none",
                "tp": "1", "pp": "1", "cp": "1", "ep": "1", "cpu_offload": "false", "activation_ckpt": checkpointing,
                "attention": "sdpa", "fused_loss": "none", "compiler": "none", "framework": "hf-transformers",
            }
        )  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=72)
    count = parser.parse_args().count
    warnings.simplefilter("ignore")
    catalog = load_catalog()
    with TRACED.open("w", encoding="utf-8", newline="") as text:
        writer = None
        for row in shapes(count):
            config = read_row(row, catalog).config
            assert config is not None, read_row(row, catalog).unpredictable
            traced = {**row, "peak_allocated_gib": f"{traced_peak_bytes(config) / GIB:.4f}"}
            if writer is None:
                writer = csv.DictWriter(text, traced, lineterminator="\n")
                writer.writeheader()
            writer.writerow(traced)
            text.flush()
            print(traced["id"], traced["peak_allocated_gib"], flush=True)


if __name__ == "__main__":
    main()
