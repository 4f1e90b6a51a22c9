"""Learns from past runs how far the physics is off, and how sure it is."""
