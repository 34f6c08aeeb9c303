"""Methods that train without the forget set."""
