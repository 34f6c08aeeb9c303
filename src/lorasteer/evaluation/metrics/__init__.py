"""One file per kind of metric; every file here is imported when the table of metrics is first read."""
