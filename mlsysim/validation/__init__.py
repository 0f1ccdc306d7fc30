"""How far off the predictions are: published results, each answered by the solvers from what its source states."""
