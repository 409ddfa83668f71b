"""Asking language models: one client of the OpenAI protocol, and the journal of its answers."""
