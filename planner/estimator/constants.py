"""Which version of the formulas and constants an estimate comes from."""

PRIOR = "physics-2"
"""Names this version of formulas and constants; change it whenever one of them changes."""
