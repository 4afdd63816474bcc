-- The journals of several nodes. postvet-journal(5) explains the columns of rest and
-- accepted. All names are in the schema postvet.

-- +goose Up
CREATE TABLE postvet.node (
	id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text NOT NULL UNIQUE,
	identity bigint NOT NULL, -- of the directory of its journal
	session bigint NOT NULL, -- of the process that sends its rows
	version text NOT NULL,
	seen timestamptz NOT NULL
);

-- How far each file of a node was sent. The row changes in the transaction that adds the rows
-- of the file.
CREATE TABLE postvet.shipped (
	node integer NOT NULL REFERENCES postvet.node,
	file bigint NOT NULL,
	day date NOT NULL,
	class text NOT NULL,
	ref bigint NOT NULL,
	late bigint NOT NULL,
	rows bigint NOT NULL,
	PRIMARY KEY (node, file)
);

CREATE TABLE postvet.rest (
	day date NOT NULL,
	node integer NOT NULL,
	ref bigint NOT NULL,
	message_key bigint,
	mail_from_key bigint,
	rcpts bigint,
	size bigint,
	took_us bigint,
	generation bigint,
	queue text,
	message_id text,
	client inet,
	helo text,
	relay text,
	mail_from text,
	rcpt text,
	rcpt_keys bytea,
	author text,
	org text,
	spf text,
	dkim text,
	dmarc text,
	policy text,
	arc text,
	signatures text,
	action text,
	would text,
	code text,
	rule text,
	override text,
	hint text,
	shadow text,
	facts bytea
) PARTITION BY RANGE (day);
CREATE INDEX ON postvet.rest (ref);
CREATE INDEX ON postvet.rest (queue);
CREATE INDEX ON postvet.rest (org, ref);
CREATE INDEX ON postvet.rest (client, ref);
CREATE INDEX ON postvet.rest (message_key);
CREATE INDEX ON postvet.rest (mail_from_key);

CREATE TABLE postvet.accepted (LIKE postvet.rest) PARTITION BY RANGE (day);
CREATE INDEX ON postvet.accepted (ref);
CREATE INDEX ON postvet.accepted (queue);
CREATE INDEX ON postvet.accepted (org, ref);

CREATE TABLE postvet.generation (
	id bigint PRIMARY KEY,
	since timestamptz NOT NULL,
	text text NOT NULL
);

CREATE TABLE postvet.lease (
	name text PRIMARY KEY,
	holder text NOT NULL,
	token bigint NOT NULL,
	until timestamptz NOT NULL
);

-- 1735689600 is 2025-01-01, the beginning of references.
CREATE VIEW postvet.mail AS
	SELECT to_timestamp((m.ref >> 20) / 1000.0 + 1735689600) AS at, n.name AS node_name, m.*
	FROM (SELECT 'rest' AS class, * FROM postvet.rest UNION ALL SELECT 'accepted', * FROM postvet.accepted) AS m
	JOIN postvet.node AS n ON n.id = m.node;
