-- Figure 1: magnitude of the change by pruning of the language-agnostic and language-specific part of embeddings, by block; from the lsar measure.
CREATE OR REPLACE VIEW figure1 AS
SELECT run_id, model, method, pattern, sparsity, calibration, seed, setting, language,
  CASE quantity WHEN 'agnostic_difference' THEN 'agnostic' ELSE 'specific' END AS part, block, value, evaluation
FROM by_block WHERE quantity IN ('agnostic_difference', 'specific_difference');
