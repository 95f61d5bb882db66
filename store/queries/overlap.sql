-- IoU of masks by linear and block: of two calibrations ('languages'), or of one's seeds ('seeds', other is NULL); of the
-- setting that was compared last, where there are several.
SELECT linear, block, avg(iou) AS iou, avg(chance) AS chance
FROM (
  SELECT * FROM figure2
  WHERE kind = $kind AND model = $model AND method = $method
    AND (calibration = $a AND other IS NOT DISTINCT FROM $b OR calibration = $b AND other = $a)
  QUALIFY (pattern, sparsity, setting) IS NOT DISTINCT FROM
    first_value((pattern, sparsity, setting)) OVER (ORDER BY written_at DESC))
GROUP BY ALL
ORDER BY linear, block;
