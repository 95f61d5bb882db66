-- Table 4 as measured: the SparseGPT part of table 8.
CREATE OR REPLACE VIEW table4 AS
SELECT * FROM table8 WHERE method IN ('dense', 'sparsegpt');
