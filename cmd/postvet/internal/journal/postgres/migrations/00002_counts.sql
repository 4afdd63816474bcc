-- Counts by the hour and day, as in state.db of a node, beside its number.

-- +goose Up

-- How far the counts of a node were sent.
CREATE TABLE postvet.counted (
	node integer NOT NULL REFERENCES postvet.node,
	length text NOT NULL,
	seq bigint NOT NULL,
	PRIMARY KEY (node, length)
);

CREATE TABLE postvet.period (
	length text NOT NULL,
	at timestamptz NOT NULL,
	node integer NOT NULL,
	n bigint NOT NULL,
	missing bigint NOT NULL,
	PRIMARY KEY (length, at, node)
);

CREATE TABLE postvet.hour (
	at timestamptz NOT NULL,
	node integer NOT NULL,
	kind text NOT NULL,
	name text NOT NULL,
	n bigint NOT NULL,
	passed bigint NOT NULL,
	failed bigint NOT NULL,
	no_policy bigint NOT NULL,
	undecided bigint NOT NULL,
	rejected bigint NOT NULL,
	quarantined bigint NOT NULL,
	deferred bigint NOT NULL,
	redirected bigint NOT NULL,
	discarded bigint NOT NULL,
	would bigint NOT NULL,
	shadow bigint NOT NULL,
	overridden bigint NOT NULL,
	forwarded bigint NOT NULL,
	broken bigint NOT NULL,
	spared bigint NOT NULL
);
CREATE INDEX ON postvet.hour (at, node);
CREATE INDEX ON postvet.hour (kind, name, at);

CREATE TABLE postvet.hour_facts (
	at timestamptz NOT NULL,
	node integer NOT NULL,
	org text NOT NULL,
	dmarc text NOT NULL,
	action text NOT NULL,
	would text NOT NULL,
	override text NOT NULL,
	hint text NOT NULL,
	rule text NOT NULL,
	n bigint NOT NULL
);
CREATE INDEX ON postvet.hour_facts (at, node);

CREATE TABLE postvet.day (LIKE postvet.hour INCLUDING INDEXES);
CREATE TABLE postvet.day_facts (LIKE postvet.hour_facts INCLUDING INDEXES);
