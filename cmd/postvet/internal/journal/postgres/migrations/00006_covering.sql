-- A ranking and its causes are read from indexes alone, with no look at the rows of the tables: a
-- day of three nodes has 100,000 of them, and those of a name lie far apart.

-- +goose Up
DROP INDEX IF EXISTS postvet.hour_at_node_kind_failed_idx, postvet.hour_at_node_kind_rejected_idx, postvet.hour_at_node_kind_spared_idx,
	postvet.hour_at_node_kind_forwarded_idx, postvet.hour_at_node_kind_broken_idx, postvet.day_at_node_kind_failed_idx, postvet.day_at_node_kind_rejected_idx,
	postvet.day_at_node_kind_spared_idx, postvet.day_at_node_kind_forwarded_idx, postvet.day_at_node_kind_broken_idx;
CREATE INDEX ON postvet.hour (at, node, kind, failed DESC) INCLUDE (name) WHERE failed > 0;
CREATE INDEX ON postvet.hour (at, node, kind, rejected DESC) INCLUDE (name) WHERE rejected > 0;
CREATE INDEX ON postvet.hour (at, node, kind, spared DESC) INCLUDE (name) WHERE spared > 0;
CREATE INDEX ON postvet.hour (at, node, kind, forwarded DESC) INCLUDE (name) WHERE forwarded > 0;
CREATE INDEX ON postvet.hour (at, node, kind, broken DESC) INCLUDE (name) WHERE broken > 0;
CREATE INDEX ON postvet.day (at, node, kind, failed DESC) INCLUDE (name) WHERE failed > 0;
CREATE INDEX ON postvet.day (at, node, kind, rejected DESC) INCLUDE (name) WHERE rejected > 0;
CREATE INDEX ON postvet.day (at, node, kind, spared DESC) INCLUDE (name) WHERE spared > 0;
CREATE INDEX ON postvet.day (at, node, kind, forwarded DESC) INCLUDE (name) WHERE forwarded > 0;
CREATE INDEX ON postvet.day (at, node, kind, broken DESC) INCLUDE (name) WHERE broken > 0;

-- The first page ranks rules, which are few, by all their messages.
CREATE INDEX ON postvet.hour (at, node, kind, n DESC) INCLUDE (name) WHERE kind IN ('rule', 'hint');
CREATE INDEX ON postvet.day (at, node, kind, n DESC) INCLUDE (name) WHERE kind IN ('rule', 'hint');

DROP INDEX IF EXISTS postvet.hour_facts_at_node_org_idx, postvet.day_facts_at_node_org_idx;
CREATE INDEX ON postvet.hour_facts (at, node);
CREATE INDEX ON postvet.day_facts (at, node);
CREATE INDEX ON postvet.hour_facts (org, at) INCLUDE (node, hint, rule, n);
CREATE INDEX ON postvet.day_facts (org, at) INCLUDE (node, hint, rule, n);
