"""Notices when estimate and actual move apart."""
