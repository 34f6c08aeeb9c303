"""Methods that teach the model a given answer for each forget example."""
