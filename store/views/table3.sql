-- Table 3 as measured: F1 (%) on MKQA by language, monolingual calibration, 50 % unstructured, dense for reference.
CREATE OR REPLACE VIEW table3 AS
SELECT * EXCLUDE (source, paper_table, skip_blocks, task, model_folded)
FROM by_language
WHERE source = 'run' AND quantity = 'f1' AND task = 'mkqa' AND (method = 'dense' OR (pattern = 'unstructured' AND sparsity = 0.5 AND skip_blocks IS NULL AND NOT contains(calibration, '+')))
ORDER BY quantity, model, method <> 'dense', method, pattern, sparsity, len(calibration), calibration;
