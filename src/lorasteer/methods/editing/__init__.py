"""Methods that set numbers of the model directly, without training."""
