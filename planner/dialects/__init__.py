"""What training frameworks call things, and what follows from what they leave out.

facts             ``RunFacts``: one run with everything its store holds, in base units
interpret         ``interpret``: facts -> ``TrainingRun``; picks the dialects and never fails on strange input
registry          the dialects: hf_trainer (hf_kernels, hf_precision, hf_evaluation) and what builds on it: trl,
                  axolotl, llama_factory, ms_swift, unsloth; torchtune, composer, megatron_bridge, litgpt, lightning
planner_contract  names of our own, for everything that frameworks do not log
artifact_files    configurations among the artifacts: deepspeed_config, peft_adapter, and those of the dialects
model_config      a base model from its own configuration: hf_model (hf_families), megatron_model, torchtune_model
infer_length      sequence length and adapter size from the FLOPs that a trainer counted
infer_hardware    accelerators from rules, databricks, sampled memory and power; ranks from devices, samples, tokens
saved_files       checkpoints and adapters from the sizes of saved files
actuals           what the run used: phases (read_phases), device_usage, failure
updates           attempts chained into updates, by lineage
"""
