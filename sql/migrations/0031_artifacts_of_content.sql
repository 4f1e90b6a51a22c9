-- What the run held when its artifacts were asked for: with other content they are asked for again.
alter table raw_artifacts add column content_hash varchar;
