-- Table 2 as measured: accuracy on the downstream tasks, monolingual calibration, 50 % unstructured, dense for reference.
CREATE OR REPLACE VIEW table2 AS
SELECT * EXCLUDE (source, paper_table, skip_blocks, model_folded)
FROM by_task
WHERE source = 'run' AND (method = 'dense' OR (pattern = 'unstructured' AND sparsity = 0.5 AND skip_blocks IS NULL AND NOT contains(calibration, '+')))
ORDER BY model, method <> 'dense', method, pattern, sparsity, len(calibration), calibration;
