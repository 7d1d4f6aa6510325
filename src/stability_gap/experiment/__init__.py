"""One run: training, continual evaluation, recording."""
