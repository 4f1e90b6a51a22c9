"""What training frameworks call things, and what follows from what they leave out.

facts             ``RunFacts``: one run with everything its store holds, in base units
interpret         ``interpret``: facts -> ``TrainingRun``; picks the dialect and never fails on strange input
hf_trainer        Hugging Face Trainer and TRL;  hf_model: their model configuration
torchtune         torchtune
planner_contract  names of our own, for everything that frameworks do not log
infer_length      sequence length and adapter size from the FLOPs that a trainer counted
infer_hardware    accelerators from rules, from sampled memory and power, from samples per step
actuals           what the run used
"""
