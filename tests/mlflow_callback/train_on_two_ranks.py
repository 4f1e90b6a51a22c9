"""Started on each of two ranks: a training of the Trainer, and one of its own loop, both logged."""

import torch
import transformers

from planner.mlflow_callback import PlannerCallback, log_training

SHAPE = transformers.LlamaConfig(
    hidden_size=64, intermediate_size=176, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    vocab_size=128, pad_token_id=0, name_or_path="tiny-llama",
)  # fmt: skip
tokens = torch.arange(32) % 127 + 1
arguments = transformers.TrainingArguments(
    output_dir="out", report_to="mlflow", per_device_train_batch_size=2, gradient_accumulation_steps=2, max_steps=6,
    logging_steps=1, use_cpu=True, ddp_backend="gloo", save_strategy="no", disable_tqdm=True, run_name="trainer",
)  # fmt: skip
model = transformers.LlamaForCausalLM(SHAPE)
rows = [{"input_ids": tokens, "labels": tokens}] * 64
trainer = transformers.Trainer(model, arguments, train_dataset=rows)
trainer.add_callback(PlannerCallback())
trainer.train()

if torch.distributed.get_rank() == 0:
    import mlflow

    mlflow.end_run()
torch.distributed.barrier()
said = {"seq_len": 32, "micro_batch_size": 2, "gradient_accumulation_steps": 1, "max_steps": 3}
with log_training(said, model=model) as run:
    for _ in range(3):
        run.step(tokens=2 * 2 * 32)
torch.distributed.destroy_process_group()
