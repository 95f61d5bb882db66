-- Table 15 as measured: accuracy after GPTQ to 8 bits, monolingual calibration, dense for reference.
CREATE OR REPLACE VIEW table15 AS
SELECT * EXCLUDE (source, paper_table, skip_blocks, model_folded)
FROM by_task
WHERE source = 'run' AND (method = 'dense' OR (method = 'gptq' AND pattern LIKE '8bit%' AND NOT contains(calibration, '+')))
ORDER BY model, method <> 'dense', method, pattern, sparsity, len(calibration), calibration;
