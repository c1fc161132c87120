DROP TABLE recalibrations;
