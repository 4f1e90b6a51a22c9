"""Progress of the flows. `PREFECT_LOGGING_EXTRA_LOGGERS=foretune` sends it to a Prefect server too."""

import logging

LOGGER_NAME = "foretune"

log = logging.getLogger(LOGGER_NAME)
