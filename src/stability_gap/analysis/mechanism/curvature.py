"""Compute the curvature of the loss: the top eigenvalue of its Hessian, by Lanczos on Hessian-vector products."""

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parameters_to_vector

from stability_gap.analysis.statistics import generator_for

TOLERANCE, VECTORS = 1e-3, 8
"""Relative, of the eigenvalue. Lanczos vectors between restarts: the top eigenvalue stands apart, so few are quickest."""


def hessian(model: nn.Module, images: Tensor, labels: Tensor) -> LinearOperator:
    """Hessian of the mean cross-entropy with respect to all parameters of the model, as a product with vectors: (P, P).

    For a gain-modulated model the parameters are the raw W; once its gains are detached, they are W_eff. The exact product
    (Pearlmutter 1994): the gradient of gradient · v.
    """
    parameters = list(model.parameters())
    loss = functional.cross_entropy(model(images), labels)
    gradient = _flat(torch.autograd.grad(loss, parameters, create_graph=True))

    def product(vector: np.ndarray) -> np.ndarray:
        along = torch.from_numpy(vector.ravel()).to(gradient)
        result: np.ndarray = _flat(torch.autograd.grad(gradient, parameters, along, retain_graph=True)).cpu().numpy()
        return result.astype(np.float64)

    return LinearOperator((len(gradient), len(gradient)), matvec=product, dtype=np.float64)


def top_eigenvalue(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Largest eigenvalue of that Hessian, from the same start vector every time; 0 of a network whose units are all dead."""
    operator = hessian(model, images, labels)
    start = generator_for(0, "lanczos").standard_normal(operator.shape[0])
    if not (operator @ start).any():  # ARPACK refuses it
        return 0.0
    (value,) = eigsh(operator, k=1, which="LA", v0=start, tol=TOLERANCE, ncv=VECTORS, return_eigenvectors=False)
    return float(value)


def _flat(parts: tuple[Tensor, ...]) -> Tensor:
    return parameters_to_vector([part.contiguous() for part in parts])
