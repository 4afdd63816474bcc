-- What the nodes learned from genuine mail, as in the table pattern of state.db of a node,
-- beside its number.

-- +goose Up

-- "C" is the order of state.db, so that both are read side by side.
CREATE TABLE postvet.pattern (
	org text COLLATE "C" NOT NULL,
	kind text COLLATE "C" NOT NULL,
	name text COLLATE "C" NOT NULL,
	day date NOT NULL,
	node integer NOT NULL REFERENCES postvet.node,
	n bigint NOT NULL,
	unsigned bigint NOT NULL,
	PRIMARY KEY (org, kind, name, day, node)
);
CREATE INDEX ON postvet.pattern (node, day);
CREATE INDEX ON postvet.pattern (day);
