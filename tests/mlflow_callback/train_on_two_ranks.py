"""Started on each of two ranks: a training of the Trainer, and one of its own loop, both logged."""

from typing import Any


def train() -> None:
    """Both trainings, one after the other."""
    import torch

    model = with_trainer()
    if torch.distributed.get_rank() == 0:
        import mlflow

        mlflow.end_run()
    torch.distributed.barrier()
    with_own_loop(model)
    torch.distributed.destroy_process_group()


def with_trainer() -> Any:
    """The model that was trained."""
    import torch
    import transformers

    from planner.mlflow_callback import PlannerCallback

    shape = transformers.LlamaConfig(
        hidden_size=64, intermediate_size=176, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        vocab_size=128, pad_token_id=0, name_or_path="tiny-llama",
    )  # fmt: skip
    arguments = transformers.TrainingArguments(
        output_dir="out", report_to="mlflow", per_device_train_batch_size=2, gradient_accumulation_steps=2, max_steps=6,
        logging_steps=1, use_cpu=True, ddp_backend="gloo", save_strategy="no", disable_tqdm=True, run_name="trainer",
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(shape)
    tokens = torch.arange(32) % 127 + 1
    trainer = transformers.Trainer(model, arguments, train_dataset=[{"input_ids": tokens, "labels": tokens}] * 64)
    trainer.add_callback(PlannerCallback())
    trainer.train()
    return model


def with_own_loop(model: Any) -> None:
    from planner.mlflow_callback import log_training

    said = {"seq_len": 32, "micro_batch_size": 2, "gradient_accumulation_steps": 1, "max_steps": 3}
    with log_training(said, model=model) as run:
        for _ in range(3):
            run.step(tokens=2 * 2 * 32)


if __name__ == "__main__":
    train()
