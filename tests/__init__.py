"""Tests; a package, so that benchmarks can import its helpers too."""
