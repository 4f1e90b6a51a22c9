"""What training frameworks call things, and what follows from what they leave out.

facts             ``RunFacts``: one run with everything its store holds, in base units
interpret         ``interpret``: facts -> ``TrainingRun``; picks the dialect and never fails on strange input
hf_trainer        Hugging Face Trainer and TRL
torchtune         torchtune
model_config      a base model from its own configuration: hf_model (hf_families), megatron_model, torchtune_model
planner_contract  names of our own, for everything that frameworks do not log
infer_length      sequence length and adapter size from the FLOPs that a trainer counted
infer_hardware    accelerators from rules, from sampled memory and power, from samples per step
actuals           what the run used
"""
