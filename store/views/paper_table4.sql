-- Table 4 as published: bilingual and multilingual calibration, SparseGPT; where it differs from table 8, table 8 is right.
CREATE OR REPLACE VIEW paper_table4 AS
SELECT * EXCLUDE (source, paper_table, skip_blocks, model_folded)
FROM by_task
WHERE source = 'paper' AND paper_table = 4
ORDER BY model, method <> 'dense', method, pattern, sparsity, len(calibration), calibration;
