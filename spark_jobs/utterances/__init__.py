"""Stage 2: an assistant's utterances, counted by day, and the release table that is made of them."""
