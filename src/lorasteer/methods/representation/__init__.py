"""Methods that train an adapter by what a layer within the model says."""
