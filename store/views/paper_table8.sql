-- Table 8 as published: accuracy with bilingual and multilingual calibration, 50 % unstructured.
CREATE OR REPLACE VIEW paper_table8 AS
SELECT * EXCLUDE (source, paper_table, skip_blocks, model_folded)
FROM by_task
WHERE source = 'paper' AND paper_table = 8
ORDER BY model, method <> 'dense', method, pattern, sparsity, len(calibration), calibration;
