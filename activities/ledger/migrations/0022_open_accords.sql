-- How many accords are in which stage is counted twice a minute; most of those that there ever were have ended.

-- migrate:up transaction:false

create index concurrently accords_open on accords (stage) where not ended;

-- migrate:down transaction:false

drop index concurrently accords_open;
