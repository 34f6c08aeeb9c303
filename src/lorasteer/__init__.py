"""lorasteer."""
