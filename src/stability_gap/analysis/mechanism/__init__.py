"""Look inside runs around their switches: curvature, gradients, the way between weights, calibration (PROTOCOL §2)."""
