-- Table 3 as published: F1 (%) on MKQA, monolingual calibration, 50 % unstructured.
CREATE OR REPLACE VIEW paper_table3 AS
SELECT * EXCLUDE (source, paper_table, skip_blocks, task, model_folded)
FROM by_language
WHERE source = 'paper' AND paper_table = 3
ORDER BY quantity, model, method <> 'dense', method, pattern, sparsity, len(calibration), calibration;
