"""Facts about hardware, models and prices, as CSV with source and date."""
