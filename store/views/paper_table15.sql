-- Table 15 as published: accuracy after GPTQ to 8 bits, group 128.
CREATE OR REPLACE VIEW paper_table15 AS
SELECT * EXCLUDE (source, paper_table, skip_blocks, model_folded)
FROM by_task
WHERE source = 'paper' AND paper_table = 15
ORDER BY model, method <> 'dense', method, pattern, sparsity, len(calibration), calibration;
