"""Methods that train all weights of a copy of the base."""
