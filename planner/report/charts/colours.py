"""One colour scheme for all charts: readable on white and told apart by colour-blind readers (Okabe-Ito, Tol muted)."""

INK = "#1f2933"
GREY = "#8a939c"
LIGHT_GREY = "#c3c9cf"
PALE_GREY = "#e8ebee"
BLUE = "#0072b2"
SKY = "#a9d5f0"
VERMILLION = "#d55e00"
ORANGE = "#e69f00"

VERDICTS = {"allow": BLUE, "warn": ORANGE, "block": VERMILLION}
DRIFT_STATES = {"ok": BLUE, "drifting": VERMILLION, "too_few_runs": LIGHT_GREY}

SERIES = (
    "#332288",
    "#88ccee",
    "#117733",
    "#ddcc77",
    "#cc6677",
    "#44aa99",
    "#882255",
    "#999933",
    "#aa4499",
)
"""For things without an order, such as programmes; what comes after the ninth is grey."""
