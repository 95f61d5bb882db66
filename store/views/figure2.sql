-- Figure 2: IoU of masks by block and linear; kind 'seeds' (left) within a language, 'languages' (right) between two, of the most seeds there are, last compared; floor: of a mask with that of the same run pruned again, summed backwards (analyse --floor); from the mask_overlap analysis.
CREATE OR REPLACE VIEW figure2 AS
WITH compared AS (
  SELECT o.*, r.pattern, r.sparsity, r.setting, n_intersection / n_union AS iou,
    len(string_split(o.run_a, ' & ')) AS seeds, len(string_split(o.run_b, ' & ')) AS seeds_b
  FROM mask_overlap o LEFT JOIN runs r ON r.run_id = split_part(o.run_a, ' & ', 1)
  WHERE n_union > 0
), chosen AS (
  SELECT * FROM compared
  QUALIFY kind NOT IN ('seeds', 'languages') OR (run_a, run_b) = first_value((run_a, run_b)) OVER (
    PARTITION BY kind, model, method, pattern, sparsity, setting, label_a, label_b
    ORDER BY seeds + seeds_b DESC, written_at DESC, run_a, run_b)
)
SELECT kind, model, method, pattern, sparsity, setting, label_a AS calibration, nullif(label_b, '') AS other, seeds, linear,
  CASE split_part(linear, '.', -1) WHEN 'q_proj' THEN 'q' WHEN 'k_proj' THEN 'k' WHEN 'v_proj' THEN 'v' WHEN 'o_proj' THEN 'attn.out'
    WHEN 'gate_proj' THEN 'ffn.gate' WHEN 'up_proj' THEN 'ffn.up' WHEN 'down_proj' THEN 'ffn.down' ELSE linear END AS submodule,
  block, iou, chance,
  avg(iou) FILTER (kind = 'floor') OVER (PARTITION BY model, method, pattern, sparsity, setting, block, linear) AS floor,
  run_a, run_b, written_at
FROM chosen;
