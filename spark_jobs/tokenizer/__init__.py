"""The tokenization service: draw a sample, train a vocabulary, measure it, apply it."""
