-- Table 10 as published: accuracy of Llama 3.1, monolingual calibration, 50 % unstructured.
CREATE OR REPLACE VIEW paper_table10 AS
SELECT * EXCLUDE (source, paper_table, skip_blocks, model_folded)
FROM by_task
WHERE source = 'paper' AND paper_table = 10
ORDER BY model, method <> 'dense', method, pattern, sparsity, len(calibration), calibration;
