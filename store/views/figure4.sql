-- Figure 4: mean magnitude of the change of hidden states by pruning, by block, evaluation language and calibration; from the fidelity measure.
CREATE OR REPLACE VIEW figure4 AS
SELECT run_id, model, method, pattern, sparsity, calibration, seed, setting, language, block, value, evaluation
FROM by_block WHERE quantity = 'hidden_difference';
