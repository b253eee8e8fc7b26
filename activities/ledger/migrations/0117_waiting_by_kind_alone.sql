-- The index over all kinds is asked no more: those of each kind are merged. It would be kept up with each act.

-- migrate:up transaction:false

drop index concurrently if exists waiting_who;

-- migrate:down transaction:false

create index concurrently waiting_who on waiting (who, due, accord, key) include (kind);
