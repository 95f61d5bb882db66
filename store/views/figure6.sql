-- Figure 6: as figure 1, for the paper's other models and methods: filter by model and method; from the lsar measure.
CREATE OR REPLACE VIEW figure6 AS
SELECT * FROM figure1;
