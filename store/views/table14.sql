-- Table 14 as measured: accuracy after GPTQ to 4 bits, monolingual calibration, dense for reference.
CREATE OR REPLACE VIEW table14 AS
SELECT * EXCLUDE (source, paper_table, skip_blocks, model_folded)
FROM by_task
WHERE source = 'run' AND (method = 'dense' OR (method = 'gptq' AND pattern LIKE '4bit%' AND NOT contains(calibration, '+')))
ORDER BY model, method <> 'dense', method, pattern, sparsity, len(calibration), calibration;
