"""Trajectories to metrics, statistics and claims."""
