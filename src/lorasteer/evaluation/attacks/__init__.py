"""Metrics that play an attacker; every file here is imported when the table of metrics is first read."""
