"""What learns: models, gain modulation, optimizers."""
