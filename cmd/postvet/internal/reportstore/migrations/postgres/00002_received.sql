-- Reports that others send about our mail.

-- +goose Up
-- key is a hash of what a report says of itself, content one of what it says. head is JSON,
-- document JSON in gzip. author and result are of the mail that it came in, by DMARC; empty for
-- one that was read from a file. place is the queue id, or the file's name.
CREATE TABLE postvet.report_received (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	kind text NOT NULL,
	key bytea NOT NULL,
	content bytea NOT NULL,
	reporter text NOT NULL,
	email text NOT NULL,
	domain text NOT NULL,
	report_id text NOT NULL,
	begin_at bigint NOT NULL,
	end_at bigint NOT NULL,
	messages bigint NOT NULL,
	passed bigint NOT NULL,
	records bigint NOT NULL,
	head bytea NOT NULL,
	document bytea NOT NULL,
	findings text NOT NULL,
	arrived_at bigint NOT NULL,
	last_at bigint NOT NULL,
	copies bigint NOT NULL DEFAULT 1,
	place text NOT NULL,
	mail_from text NOT NULL,
	subject text NOT NULL,
	message_id text NOT NULL,
	author text NOT NULL,
	result text NOT NULL,
	conflicts bigint NOT NULL DEFAULT 0,
	UNIQUE (key, content)
);
CREATE INDEX report_received_domain ON postvet.report_received (domain, arrived_at);
CREATE INDEX report_received_arrived ON postvet.report_received (arrived_at);
