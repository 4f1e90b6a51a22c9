"""Time that the MLflow callback takes of a real training on a CPU: inside it, over the whole run.

Needs the extra ``callback``: ``pip install 'foretune[callback]'``.
"""

import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.page import write_page

STEPS = 600
EVERY = 100
SEQ_LEN = 128
MAX_RATIO = 0.01
EVENTS = ("on_train_begin", "on_step_begin", "on_step_end", "on_log", "on_evaluate", "on_save", "on_train_end")


def timed_callback(seconds: dict[str, float], calls: dict[str, int]) -> Any:
    """A callback that adds up the time in each of its events."""
    from planner.mlflow_callback import PlannerCallback

    callback = PlannerCallback()

    def timed(name: str, event: Callable[..., None]) -> Callable[..., None]:
        def run(*args: Any, **kwargs: Any) -> None:
            began_s = time.perf_counter()
            event(*args, **kwargs)
            seconds[name] += time.perf_counter() - began_s
            calls[name] += 1

        return run

    for name in EVENTS:
        setattr(callback, name, timed(name, getattr(callback, name)))
    return callback


def train(folder: Path, callback: Any) -> float:
    """Trains a small Llama with evaluations and checkpoints; seconds of the whole run."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments

    torch.manual_seed(0)
    shape = LlamaConfig(
        hidden_size=256, intermediate_size=704, num_hidden_layers=4, num_attention_heads=8, num_key_value_heads=4,
        vocab_size=4096, max_position_embeddings=SEQ_LEN,
    )  # fmt: skip
    tokens = [torch.randint(1, 4096, (SEQ_LEN,)) for _ in range(2048)]
    rows = [{"input_ids": one, "labels": one} for one in tokens]
    arguments = TrainingArguments(
        output_dir=str(folder / "out"), report_to="mlflow", per_device_train_batch_size=4, max_steps=STEPS,
        logging_steps=10, eval_strategy="steps", eval_steps=EVERY, save_steps=EVERY, save_total_limit=1, use_cpu=True,
        disable_tqdm=True,
    )  # fmt: skip
    trainer = Trainer(LlamaForCausalLM(shape), arguments, train_dataset=rows, eval_dataset=rows[:64])
    if callback is not None:
        trainer.add_callback(callback)
    began_s = time.perf_counter()
    trainer.train()
    return time.perf_counter() - began_s


def main() -> None:
    seconds: dict[str, float] = defaultdict(float)
    calls: dict[str, int] = defaultdict(int)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder / 'mlflow.db'}"
        os.chdir(folder)
        import mlflow

        mlflow.search_experiments()
        run_s = train(folder, timed_callback(seconds, calls))
    inside_s = sum(seconds.values())
    once_s = seconds["on_train_begin"] + seconds["on_train_end"]
    step_s = (seconds["on_step_begin"] + seconds["on_step_end"] + seconds["on_log"]) / STEPS
    rows = [
        [event, f"{calls[event]:,}", f"{seconds[event]:.3f}", f"{1e6 * seconds[event] / max(calls[event], 1):,.0f}"]
        for event in EVENTS
    ]
    rows.append(["all together", "", f"{inside_s:.3f}", ""])
    write_page(
        "callback_overhead",
        "What the MLflow callback costs a training",
        f"A Llama of 4 layers trained on a CPU for {STEPS} steps of 4 x {SEQ_LEN} tokens with evaluation and "
        f"checkpoint every {EVERY} steps, logged into SQLite: the run took {run_s:.0f} s, of which {inside_s:.2f} s "
        f"were spent in the callback: **{inside_s / run_s:.2%}**. What happens once (describing the run, the estimate, "
        f"the peaks) takes {once_s:.2f} s, imports included, and each step {1e6 * step_s:.0f} µs: with these, every "
        f"training that lasts more than {once_s / MAX_RATIO / 60:.1f} minutes at steps of 0.1 s or more stays below "
        f"{MAX_RATIO:.0%}.",
        ("event", "calls", "seconds", "µs a call"),
        rows,
    )
    print(f"{inside_s:.3f} s of {run_s:.1f} s: {inside_s / run_s:.2%}")


if __name__ == "__main__":
    main()
