-- Table 9 as measured: accuracy after 2:4 pruning, monolingual calibration, dense for reference.
CREATE OR REPLACE VIEW table9 AS
SELECT * EXCLUDE (source, paper_table, skip_blocks, model_folded)
FROM by_task
WHERE source = 'run' AND (method = 'dense' OR (pattern = '2:4' AND skip_blocks IS NULL AND NOT contains(calibration, '+')))
ORDER BY model, method <> 'dense', method, pattern, sparsity, len(calibration), calibration;
