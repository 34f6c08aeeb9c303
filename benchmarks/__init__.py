"""Experiments behind the README's tables. They use the public interface only and write JSON into `results/`."""
