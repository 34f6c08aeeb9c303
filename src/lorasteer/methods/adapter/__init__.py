"""Methods that train a LoRA adapter with a loss on logits."""
