DROP TABLE held_counts;
