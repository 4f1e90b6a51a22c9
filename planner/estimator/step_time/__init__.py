"""Time of one optimizer step: one file a term, roofline.py puts them together."""
