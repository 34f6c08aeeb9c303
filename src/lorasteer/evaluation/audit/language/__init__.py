"""Attacks on language models; each is a file here, with the facts and measurements that `evaluation.audit` defines."""
