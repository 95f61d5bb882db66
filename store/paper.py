"""The paper's published numbers, as rows of run, evaluation and measurement with source 'paper' in every store.

Kurz, Chen, Flek, Zhao: "On the Limitations of Language Targeted Pruning" (TACL 14, 2026; first as "Investigating
Language-Specific Calibration For Pruning Multilingual Large Language Models")
arXiv 2408.14398. paper_results.csv holds every number printed in its tables 1, 3, 4, 6 and 8-17 (5,476), read from
the PDF by OCR; tables 2 and 7 are pictures without numbers. The column `note` says how a damaged line was read;
rows whose note contains 'ocr_suspect' are to be left out of comparisons.

Names: model as in the csv; run_id 'paper-t6-llama-3-8b-instruct-wanda-0.5-ar'. IoU rows have the submodule in
`linear`; task 'iou_seeds' (table 16, calibration = the language) or 'iou_languages' (table 17, calibration = the
pair compared, which is no bilingual calibration).
"""

import duckdb

from store.schema import ROOM

CSV = ROOM / "paper_results.csv"

_PUBLISHED_AT = "TIMESTAMPTZ '2024-08-26 00:00:00+00'"

_PUBLISHED = r"""
CREATE OR REPLACE TEMP TABLE published AS
SELECT "table"::INTEGER AS paper_table, model, method, pattern, sparsity::DOUBLE AS sparsity,
  bits::INTEGER AS bits, group_size::INTEGER AS group_size, calib_languages AS calibration,
  coalesce(eval_language, '') AS language, task, metric, coalesce(submodule, '') AS linear, value::DOUBLE AS value,
  note,
  lower(concat_ws('-', 'paper-t' || "table", model, method,
    CASE WHEN bits IS NOT NULL THEN bits || 'bit'
         WHEN pattern = 'unstructured' THEN sparsity
         ELSE replace(pattern, ':', 'of') END,
    calib_languages)) AS run_id,
  CASE metric WHEN 'ppl' THEN 'perplexity' WHEN 'snr_db' THEN 'fidelity' WHEN 'error_x1e6' THEN 'fidelity'
              WHEN 'iou' THEN 'mask_overlap' ELSE 'task' END AS measure
FROM read_csv('{csv}', header = true, all_varchar = true)
"""

_RUN = """
INSERT INTO {catalog}.run BY NAME
SELECT ('0x' || md5(run_id)[1:13])::BIGINT AS run_key, run_id, 'paper' AS source, 'done' AS status, model, method,
  pattern, sparsity, bits, group_size, calibration, string_split(calibration, '+') AS calibration_languages,
  paper_table, {published_at} AS written_at
FROM published GROUP BY ALL ORDER BY paper_table, run_id
"""

_EVALUATION = """
INSERT INTO {catalog}.evaluation BY NAME
SELECT DISTINCT 'paper-' || measure AS evaluation, measure, 'as published' AS source, {published_at} AS written_at
FROM published ORDER BY evaluation
"""

_MEASUREMENT = """
INSERT INTO {catalog}.measurement BY NAME
SELECT ('0x' || md5(run_id)[1:13])::BIGINT AS run_key, 'paper-' || measure AS evaluation, measure,
  CASE metric WHEN 'ppl' THEN 'perplexity' WHEN 'snr_db' THEN 'snr' WHEN 'error_x1e6' THEN 'pruning_error'
              WHEN 'acc_pct' THEN 'acc' WHEN 'f1_pct' THEN 'f1' ELSE metric END AS quantity,
  CASE metric WHEN 'ppl' THEN 'ppl' WHEN 'snr_db' THEN 'dB' WHEN 'error_x1e6' THEN '1e-6'
              WHEN 'iou' THEN '1' ELSE '%' END AS unit,
  CASE WHEN metric IN ('ppl', 'error_x1e6') THEN 'lower' ELSE 'higher' END AS better,
  CASE WHEN measure = 'task' THEN task WHEN paper_table = 16 THEN 'iou_seeds'
       WHEN paper_table = 17 THEN 'iou_languages' ELSE '' END AS task,
  language, -1 AS block, linear, value, note, {published_at} AS written_at
FROM published ORDER BY paper_table, run_id, quantity, task, language, linear
"""


def load(connection: duckdb.DuckDBPyConnection, catalog: str) -> None:
    """Put the published numbers into the schema's tables in `catalog`, instead of those already there.

    Call it inside a transaction when `catalog` is a file.
    """
    csv = str(CSV).replace("'", "''")
    connection.execute(_PUBLISHED.format(csv=csv))
    paper_runs = f"SELECT run_key FROM {catalog}.run WHERE source = 'paper'"
    connection.execute(f"DELETE FROM {catalog}.measurement WHERE run_key IN ({paper_runs})")
    connection.execute(f"DELETE FROM {catalog}.evaluation WHERE evaluation LIKE 'paper-%'")
    connection.execute(f"DELETE FROM {catalog}.run WHERE source = 'paper'")
    for statement in (_RUN, _EVALUATION, _MEASUREMENT):
        connection.execute(statement.format(catalog=catalog, published_at=_PUBLISHED_AT))
    connection.execute("DROP TABLE published")
