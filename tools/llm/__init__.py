"""Asking language models: one client of the OpenAI wire protocol, and the journal of its answers."""
