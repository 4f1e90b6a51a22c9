"""Tracking stores, read and never written: ``open_reader`` picks the way in by the URI."""
