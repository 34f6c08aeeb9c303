"""Methods that make the model prefer anything, or one other answer, to the answer to be forgotten."""
