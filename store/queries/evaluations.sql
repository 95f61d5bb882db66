-- How numbers were taken: the held-out text or the task.
SELECT evaluation, measure, source, split, samples, length, sampling, bos, settings
FROM evaluation
WHERE list_contains($evaluations, evaluation)
ORDER BY evaluation;
