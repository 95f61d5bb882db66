-- Figure 2: IoU of masks by block and linear; kind 'seeds' (left) within a language, 'languages' (right) between two; from the mask_overlap analysis.
CREATE OR REPLACE VIEW figure2 AS
SELECT kind, model, method, label_a AS calibration, nullif(label_b, '') AS other, linear,
  CASE split_part(linear, '.', -1) WHEN 'q_proj' THEN 'q' WHEN 'k_proj' THEN 'k' WHEN 'v_proj' THEN 'v' WHEN 'o_proj' THEN 'attn.out'
    WHEN 'gate_proj' THEN 'ffn.gate' WHEN 'up_proj' THEN 'ffn.up' WHEN 'down_proj' THEN 'ffn.down' ELSE linear END AS submodule,
  block, n_intersection / n_union AS iou, chance, run_a, run_b
FROM mask_overlap WHERE n_union > 0;
