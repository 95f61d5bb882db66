"""Second-order numerics that SparseGPT, GPTQ and relatives share: functions of a weight and its inputs' Hessian."""
