"""The model plane: reads a published release and trains on it; never imports Spark."""
