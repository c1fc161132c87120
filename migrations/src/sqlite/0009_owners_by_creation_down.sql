DROP INDEX owners_by_creation;
