-- Table 11 as measured: accuracy at other unstructured sparsities than 50 % (the paper: 20 and 80 %), monolingual calibration, dense for reference.
CREATE OR REPLACE VIEW table11 AS
SELECT * EXCLUDE (source, paper_table, skip_blocks, model_folded)
FROM by_task
WHERE source = 'run' AND (method = 'dense' OR (pattern = 'unstructured' AND sparsity <> 0.5 AND skip_blocks IS NULL AND NOT contains(calibration, '+')))
ORDER BY model, method <> 'dense', method, pattern, sparsity, len(calibration), calibration;
