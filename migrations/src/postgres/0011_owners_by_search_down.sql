-- The extension stays: somebody else may use it by now.
DROP INDEX IF EXISTS owners_by_search;
