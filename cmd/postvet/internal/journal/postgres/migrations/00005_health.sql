-- What each node says of itself, as JSON; NULL of one that has not said anything.

-- +goose Up
ALTER TABLE postvet.node ADD COLUMN health jsonb;
