-- Table 10 as measured: accuracy of Llama 3.1, monolingual calibration, 50 % unstructured, dense for reference.
CREATE OR REPLACE VIEW table10 AS
SELECT * EXCLUDE (source, paper_table, skip_blocks, model_folded)
FROM by_task
WHERE source = 'run' AND model_folded LIKE 'llama-3.1%' AND (method = 'dense' OR (pattern = 'unstructured' AND sparsity = 0.5 AND skip_blocks IS NULL AND NOT contains(calibration, '+')))
ORDER BY model, method <> 'dense', method, pattern, sparsity, len(calibration), calibration;
